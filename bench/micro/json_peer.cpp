// simdjson behind json_peer.h, used as its documentation advises where speed matters: on-demand,
// one parser for all records, members asked for by literal names in the order in which they stand;
// where members may be missing, all of them are looked at once.
#include "bench/micro/json_peer.h"

#include <simdjson.h>

#include <new>
#include <string>
#include <string_view>

using namespace simdjson;

struct json_peer {
    ondemand::parser parser;
};

namespace
{

/* The columns of one record, filled from left to right. */
struct row_writer {
    const json_column *columns;
    size_t row;

    void put(size_t i, simdjson_result<ondemand::value> value) const
    {
        union json_cell &cell = columns[i].cells[row];
        std::string_view text;
        bool flag = false;
        error_code error = SUCCESS;
        switch (columns[i].type) {
        case JSON_COLUMN_INT64: error = value.get_int64().get(cell.int64); break;
        case JSON_COLUMN_DOUBLE: error = value.get_double().get(cell.real); break;
        case JSON_COLUMN_BOOL:
            error = value.get_bool().get(flag);
            cell.int64 = flag;
            break;
        case JSON_COLUMN_TEXT:
            error = value.get_string().get(text);
            cell.text.bytes = text.data();
            cell.text.length = text.size();
            break;
        }
        columns[i].is_there[row] = error == SUCCESS;
    }
};

bool read_events_some(ondemand::object event, const row_writer &w)
{
    w.put(0, event.find_field("at"));
    w.put(1, event.find_field("kind"));
    w.put(2, event.find_field("amount"));
    return true;
}

bool read_events_all(ondemand::object event, const row_writer &w)
{
    w.put(0, event.find_field("id"));
    w.put(1, event.find_field("at"));
    w.put(2, event.find_field("user"));
    w.put(3, event.find_field("kind"));
    w.put(4, event.find_field("country"));
    w.put(5, event.find_field("amount"));
    w.put(6, event.find_field("count"));
    w.put(7, event.find_field("paid"));
    return true;
}

bool read_quakes_some(ondemand::object quake, const row_writer &w)
{
    ondemand::object properties;
    if (quake.find_field("properties").get_object().get(properties) != SUCCESS) {
        return false;
    }
    w.put(0, properties.find_field("mag"));
    w.put(1, properties.find_field("place"));
    w.put(2, properties.find_field("time"));
    return true;
}

/* Those of `properties`, in the order in which they stand: some records lack some. */
constexpr std::string_view quake_names[] = {
    "mag",   "place", "time",   "updated", "tz",  "url",     "detail", "felt",  "cdi",
    "mmi",   "alert", "status", "tsunami", "sig", "net",     "code",   "ids",   "sources",
    "types", "nst",   "dmin",   "rms",     "gap", "magType", "type",   "title",
};
constexpr size_t quake_names_count = sizeof(quake_names) / sizeof(quake_names[0]);

bool read_quakes_all(ondemand::object quake, const row_writer &w)
{
    ondemand::object properties, geometry;
    ondemand::array coordinates;
    w.put(0, quake.find_field("type"));
    if (quake.find_field("properties").get_object().get(properties) != SUCCESS) {
        return false;
    }
    size_t next = 0;
    for (auto field : properties) {
        ondemand::raw_json_string key;
        if (field.key().get(key) != SUCCESS) {
            return false;
        }
        for (; next < quake_names_count && !key.unsafe_is_equal(quake_names[next]); next++) {
            w.columns[1 + next].is_there[w.row] = 0;
        }
        if (next < quake_names_count) {
            w.put(1 + next++, field.value());
        }
    }
    for (; next < quake_names_count; next++) {
        w.columns[1 + next].is_there[w.row] = 0;
    }
    if (quake.find_field("geometry").get_object().get(geometry) != SUCCESS) {
        return false;
    }
    w.put(27, geometry.find_field("type"));
    if (geometry.find_field("coordinates").get_array().get(coordinates) != SUCCESS) {
        return false;
    }
    size_t i = 28;
    for (auto item : coordinates) {
        if (i < 31) {
            w.put(i++, item);
        }
    }
    w.put(31, quake.find_field("id"));
    return true;
}

template <bool (*read)(ondemand::object, const row_writer &)>
size_t read_records(json_peer *peer, const json_lines *lines, const json_column *columns)
{
    size_t good = 0;
    for (size_t row = 0; row < lines->count; row++) {
        size_t begin = lines->begins[row];
        size_t length = lines->begins[row + 1] - 1 - begin;
        padded_string_view text(lines->text + begin, length, length + SIMDJSON_PADDING);
        ondemand::document document;
        ondemand::object object;
        good += peer->parser.iterate(text).get(document) == SUCCESS &&
                document.get_object().get(object) == SUCCESS &&
                read(object, row_writer{columns, row});
    }
    return good;
}

template <bool (*read)(ondemand::object, const row_writer &)>
size_t read_stream(json_peer *peer, const json_lines *lines, const json_column *columns)
{
    size_t good = 0;
    size_t row = 0;
    ondemand::document_stream stream;
    peer->parser.threaded = false;
    if (peer->parser.iterate_many(lines->text, lines->bytes, ondemand::DEFAULT_BATCH_SIZE)
            .get(stream) != SUCCESS) {
        return 0;
    }
    for (auto document : stream) {
        ondemand::object object;
        good +=
            document.get_object().get(object) == SUCCESS && read(object, row_writer{columns, row});
        row++;
    }
    return good;
}

} // namespace

json_peer *json_peer_new(void)
{
    return new (std::nothrow) json_peer();
}

void json_peer_free(json_peer *peer)
{
    delete peer;
}

const char *json_peer_name(void)
{
    static const std::string name = "simdjson " + std::to_string(SIMDJSON_VERSION_MAJOR) + "." +
                                    std::to_string(SIMDJSON_VERSION_MINOR) + "." +
                                    std::to_string(SIMDJSON_VERSION_REVISION) + ", " +
                                    get_active_implementation()->name();
    return name.c_str();
}

size_t json_peer_padding(void)
{
    return SIMDJSON_PADDING;
}

size_t json_peer_read(json_peer *peer, json_case which, json_peer_way way, const json_lines *lines,
                      const json_column *columns)
{
    using function = size_t (*)(json_peer *, const json_lines *, const json_column *);
    static const function functions[JSON_CASES_COUNT][2] = {
        {read_records<read_events_some>, read_stream<read_events_some>},
        {read_records<read_events_all>, read_stream<read_events_all>},
        {read_records<read_quakes_some>, read_stream<read_quakes_some>},
        {read_records<read_quakes_all>, read_stream<read_quakes_all>},
    };
    return functions[which][way](peer, lines, columns);
}
