/* See client_rows.h. */
#include "broker/cli/client_rows.h"

#include <string.h>
#include <unistd.h>

#include "broker/cli/text.h"

static void client_rows_put_lines(FILE *out, const char *text);

void client_rows_put_csv(FILE *out, const char *text, size_t length)
{
    if (out == stdout && isatty(STDOUT_FILENO)) {
        cli_text_put_plain(out, text, length);
        return;
    }
    bool is_plain = length > 0;
    for (size_t i = 0; i < length && is_plain; i++) {
        is_plain = text[i] != '"' && text[i] != ',' && text[i] != '\n' && text[i] != '\r';
    }
    if (is_plain) {
        fwrite(text, 1, length, out);
        return;
    }
    fputc('"', out);
    for (size_t i = 0; i < length; i++) {
        fputs(text[i] == '"' ? "\"" : "", out);
        fputc(text[i], out);
    }
    fputc('"', out);
}

void client_rows_put_json(FILE *out, const struct client_answer_column *columns,
                          const struct client_answer_cell *cells, size_t count)
{
    bool is_first = true;
    fputc('{', out);
    for (size_t i = 0; i < count; i++) {
        if (cells[i].json == NULL) {
            continue;
        }
        fputs(is_first ? "\"" : ",\"", out);
        cli_text_put(out, columns[i].name, strlen(columns[i].name));
        fputs("\":", out);
        fwrite(cells[i].json, 1, cells[i].json_length, out);
        is_first = false;
    }
    fputc('}', out);
}

void client_rows_put_problem(FILE *err, const struct client_problem *problem)
{
    fputs("ERROR", err);
    if (problem->state[0] != '\0') {
        fputc(' ', err);
        cli_text_put_plain(err, problem->state, strlen(problem->state));
    }
    fputs(": ", err);
    client_rows_put_lines(err, problem->detail);
    client_rows_put_lines(err, problem->excerpt);
    if (problem->hint[0] != '\0') {
        fputs("HINT: ", err);
        client_rows_put_lines(err, problem->hint);
    }
}

/* Lines from outside, each escaped. */
static void client_rows_put_lines(FILE *out, const char *text)
{
    while (text[0] != '\0') {
        size_t length = strcspn(text, "\n");
        cli_text_put_plain(out, text, length);
        fputc('\n', out);
        text += length + (text[length] == '\n');
    }
}

bool client_rows_is_number(const char *type)
{
    return strcmp(type, "integer") == 0 || strcmp(type, "bigint") == 0 ||
           strcmp(type, "double precision") == 0 || strncmp(type, "numeric", 7) == 0;
}
