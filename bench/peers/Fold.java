import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.ByteBuffer;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.atomic.AtomicLongArray;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.Deserializer;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.serialization.Serializer;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StoreQueryParameters;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.processor.api.ContextualFixedKeyProcessor;
import org.apache.kafka.streams.processor.api.FixedKeyRecord;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.QueryableStoreTypes;
import org.apache.kafka.streams.state.ReadOnlyKeyValueStore;

/**
 * The view of bench/peers/ingest as a Kafka Streams application: count, sum(amount) and max(at) by user in a RocksDB store. Events
 * have the user as their key, so nothing is sent through another topic; of an event's JSON only the fields in use are looked at,
 * by Jackson's streaming reader; a row is 24 bytes. Its settings are those that Kafka Streams comes with but for the threads, one a
 * processor, and a static membership, without which a group waits 45 s for one who was killed; "latency" sends each change at once.
 *
 * <p>Fold BROKER TOPIC PARTITIONS ID STATE default|latency [COMMIT_MS]: says "running" when it is. Then for each line of input:
 * "cover O0 O1 ...": waits until the records below these offsets are in its rows and reads the row of a user, "covered"; "commit O0
 * O1 ...": waits until their offsets are committed, "committed".
 */
public final class Fold {
    private static final JsonFactory JSON = new JsonFactory();
    private static final long USER = 10_000_000;

    private final String topic;
    private final int partitions;
    private final String id;
    private final Admin admin;
    private final AtomicLongArray next; // by partition, the offset behind what was processed
    private final KafkaStreams streams;

    /** An event, of which a fold needs so much. */
    record Event(long amount, long at) {}

    /** A row. */
    record Row(long count, long sum, long max) {}

    private Fold(String[] args) {
        topic = args[1];
        partitions = Integer.parseInt(args[2]);
        id = args[3];
        next = new AtomicLongArray(partitions);
        admin = Admin.create(Map.of("bootstrap.servers", args[0]));
        StreamsBuilder builder = new StreamsBuilder();
        builder.stream(topic, Consumed.with(Serdes.Long(), serde((t, event) -> null, (t, bytes) -> parse(bytes))))
                .processValues(() -> new Watch(next))
                .groupByKey(Grouped.with(Serdes.Long(), serde((t, event) -> null, (t, bytes) -> parse(bytes))))
                .aggregate(
                        () -> new Row(0, 0, Long.MIN_VALUE),
                        (user, event, row) -> new Row(row.count + 1, row.sum + event.amount, Math.max(row.max, event.at)),
                        Materialized.<Long, Row, KeyValueStore<Bytes, byte[]>>as("rows")
                                .withKeySerde(Serdes.Long())
                                .withValueSerde(serde(Fold::write, Fold::read)));
        streams = new KafkaStreams(builder.build(), settings(args));
    }

    private static Properties settings(String[] args) {
        Properties settings = new Properties();
        settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, args[0]);
        settings.put(StreamsConfig.APPLICATION_ID_CONFIG, args[3]);
        settings.put(StreamsConfig.STATE_DIR_CONFIG, args[4]);
        settings.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, Runtime.getRuntime().availableProcessors());
        settings.put(ConsumerConfig.GROUP_INSTANCE_ID_CONFIG, "fold");
        settings.put(StreamsConfig.consumerPrefix(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG), "earliest");
        if (args[5].equals("latency")) {
            settings.put(StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, 0);
            settings.put(StreamsConfig.producerPrefix(ProducerConfig.LINGER_MS_CONFIG), 0);
            settings.put(StreamsConfig.consumerPrefix(ConsumerConfig.FETCH_MAX_WAIT_MS_CONFIG), 100);
        }
        if (args.length > 6) {
            settings.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, args[6]);
        }
        return settings;
    }

    /** Remembers how far it has come. */
    static final class Watch extends ContextualFixedKeyProcessor<Long, Event, Event> {
        private final AtomicLongArray next;

        Watch(AtomicLongArray next) {
            this.next = next;
        }

        @Override
        public void process(FixedKeyRecord<Long, Event> record) {
            context().forward(record);
            context().recordMetadata().ifPresent(at -> next.lazySet(at.partition(), at.offset() + 1));
        }
    }

    private static Event parse(byte[] bytes) {
        long amount = 0;
        long at = 0;
        try (JsonParser parser = JSON.createParser(bytes)) {
            parser.nextToken();
            while (parser.nextToken() == JsonToken.FIELD_NAME) {
                String name = parser.currentName();
                parser.nextToken();
                if (name.equals("amount")) {
                    amount = parser.getLongValue();
                } else if (name.equals("at")) {
                    at = parser.getLongValue();
                }
            }
        } catch (IOException wrong) {
            throw new IllegalArgumentException(wrong);
        }
        return new Event(amount, at);
    }

    private static byte[] write(String topic, Row row) {
        return row == null ? null : ByteBuffer.allocate(24).putLong(row.count).putLong(row.sum).putLong(row.max).array();
    }

    private static Row read(String topic, byte[] bytes) {
        ByteBuffer in = bytes == null ? null : ByteBuffer.wrap(bytes);
        return in == null ? null : new Row(in.getLong(), in.getLong(), in.getLong());
    }

    private static <T> Serde<T> serde(Serializer<T> to, Deserializer<T> from) {
        return Serdes.serdeFrom(to, from);
    }

    private void run() throws Exception {
        Map<TopicPartition, OffsetAndMetadata> committed = committed();
        for (TopicPartition partition : committed.keySet()) {
            next.set(partition.partition(), committed.get(partition).offset());
        }
        streams.setUncaughtExceptionHandler(error -> {
            error.printStackTrace();
            System.exit(1);
            return null;
        });
        streams.start();
        while (streams.state() != KafkaStreams.State.RUNNING) {
            Thread.sleep(1);
        }
        System.out.println("running");
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
        for (String line; (line = in.readLine()) != null; ) {
            String[] words = line.split(" ");
            long[] offsets = IntStream.range(0, partitions).mapToLong(i -> Long.parseLong(words[i + 1])).toArray();
            boolean isCover = words[0].equals("cover");
            while (!(isCover ? covers(offsets) : commits(offsets))) {
                Thread.sleep(isCover ? 1 : 200);
            }
            if (isCover) {
                ask();
            }
            System.out.println(isCover ? "covered" : "committed");
        }
    }

    private boolean covers(long[] offsets) {
        return IntStream.range(0, partitions).allMatch(i -> next.get(i) >= offsets[i]);
    }

    private boolean commits(long[] offsets) throws Exception {
        Map<TopicPartition, OffsetAndMetadata> found = committed();
        return found.size() == partitions
                && found.entrySet().stream().allMatch(e -> e.getValue().offset() >= offsets[e.getKey().partition()]);
    }

    private Map<TopicPartition, OffsetAndMetadata> committed() throws Exception {
        return admin.listConsumerGroupOffsets(id).partitionsToOffsetAndMetadata().get().entrySet().stream()
                .filter(e -> e.getValue() != null && e.getKey().topic().equals(topic))
                .collect(Collectors.toMap(Map.Entry::getKey, Map.Entry::getValue));
    }

    private void ask() throws InterruptedException {
        for (;;) {
            try {
                ReadOnlyKeyValueStore<Long, Row> rows =
                        streams.store(StoreQueryParameters.fromNameAndType("rows", QueryableStoreTypes.keyValueStore()));
                rows.get(USER);
                return;
            } catch (org.apache.kafka.streams.errors.InvalidStateStoreException notYet) {
                Thread.sleep(1);
            }
        }
    }

    public static void main(String[] args) throws Exception {
        new Fold(args).run();
    }
}
