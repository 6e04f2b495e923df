// The Java client of Apache Kafka, as the driver wants its clients. Run as one source file with Kafka's jars beside it.
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.AlterConfigsResult;
import org.apache.kafka.clients.admin.Config;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndTimestamp;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

public class Agent {
    private static final ObjectMapper JSON = new ObjectMapper();

    private final String bootstrap;
    private final Map<String, KafkaProducer<byte[], byte[]>> producers = new HashMap<>();
    private KafkaConsumer<byte[], byte[]> reader;
    private Admin theAdmin;

    private static class Cannot extends RuntimeException {
        Cannot(String why) {
            super(why);
        }
    }

    private Agent(String bootstrap) {
        this.bootstrap = bootstrap;
    }

    public static void main(String[] arguments) throws Exception {
        PrintStream answers = new PrintStream(System.out, true, StandardCharsets.UTF_8);
        System.setOut(System.err);
        Agent agent = new Agent(arguments[0]);
        BufferedReader requests = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = requests.readLine(); line != null; line = requests.readLine()) {
            ObjectNode answer = JSON.createObjectNode();
            try {
                agent.answer(JSON.readTree(line), answer);
            } catch (Cannot reason) {
                answer.put("cannot", reason.getMessage());
            } catch (Exception problem) {
                Throwable cause = problem instanceof ExecutionException ? problem.getCause() : problem;
                if (!(cause instanceof KafkaException)) {
                    cause.printStackTrace();
                }
                answer.put("error", cause.getClass().getSimpleName() + ": " + cause.getMessage());
            }
            answers.println(JSON.writeValueAsString(answer));
        }
        System.exit(0);
    }

    private void answer(JsonNode ask, ObjectNode answer) throws Exception {
        String topic = ask.path("topic").asText();
        switch (ask.get("do").asText()) {
            case "hello" -> {
                Properties about = new Properties(); // of the clients' jar
                about.load(KafkaConsumer.class.getResourceAsStream("/kafka/kafka-version.properties"));
                answer.put("client", "Java " + about.getProperty("version"));
                answer.putArray("lacks");
            }
            case "produce" -> produce(ask, answer);
            case "consume" -> consume(ask, answer);
            case "time" -> {
                TopicPartition where = partition(ask);
                Map<TopicPartition, OffsetAndTimestamp> found =
                    consumer().offsetsForTimes(Map.of(where, ask.get("time").asLong()));
                answer.put("offset", found.get(where) == null ? null : (Long) found.get(where).offset());
            }
            case "ends" -> {
                TopicPartition where = partition(ask);
                answer.put("first", consumer().beginningOffsets(List.of(where)).get(where));
                answer.put("end", consumer().endOffsets(List.of(where)).get(where));
            }
            case "topics" -> {
                ObjectNode topics = answer.putObject("topics");
                Collection<String> names = admin().listTopics().names().get();
                for (TopicDescription one : admin().describeTopics(names).allTopicNames().get().values()) {
                    topics.put(one.name(), one.partitions().size());
                }
            }
            case "create" -> {
                NewTopic wanted = new NewTopic(topic, Optional.of(ask.get("partitions").asInt()), Optional.empty());
                admin().createTopics(List.of(wanted.configs(strings(ask.get("configs"))))).all().get();
            }
            case "delete" -> admin().deleteTopics(List.of(topic)).all().get();
            case "grow" -> admin()
                .createPartitions(Map.of(topic, NewPartitions.increaseTo(ask.get("partitions").asInt()))).all().get();
            case "trim" -> admin()
                .deleteRecords(Map.of(partition(ask), RecordsToDelete.beforeOffset(ask.get("offset").asLong())))
                .all().get();
            case "configs" -> {
                ObjectNode configs = answer.putObject("configs");
                Config told = admin().describeConfigs(List.of(resource(topic))).all().get().get(resource(topic));
                told.entries().forEach(entry -> configs.put(entry.name(), entry.value()));
            }
            case "set" -> set(topic, strings(ask.get("configs")));
            case "set_one" -> {
                ConfigEntry entry = new ConfigEntry(ask.get("key").asText(), ask.get("value").asText());
                AlterConfigOp change = new AlterConfigOp(entry, AlterConfigOp.OpType.SET);
                admin().incrementalAlterConfigs(Map.of(resource(topic), List.of(change))).all().get();
            }
            case "cluster" -> {
                answer.put("id", admin().describeCluster().clusterId().get());
                answer.put("nodes", admin().describeCluster().nodes().get().size());
            }
            case "group" -> {
                try (KafkaConsumer<byte[], byte[]> member = newConsumer(Map.of("group.id", "a-group"))) {
                    member.subscribe(List.of(topic));
                    member.poll(Duration.ofSeconds(5));
                }
            }
            case "transaction" -> {
                try (KafkaProducer<byte[], byte[]> from = newProducer(
                        Map.of("transactional.id", "a-transaction", "max.block.ms", "5000"))) {
                    from.initTransactions();
                }
            }
            default -> throw new Cannot("no such call");
        }
    }

    private void produce(JsonNode ask, ObjectNode answer) throws Exception {
        boolean isIdempotent = ask.path("idempotent").asBoolean();
        String codec = ask.get("codec").asText();
        Map<String, Object> settings = new HashMap<>(Map.of("compression.type", codec,
            "enable.idempotence", isIdempotent));
        if (!isIdempotent) {
            settings.put("max.in.flight.requests.per.connection", 1);
        }
        KafkaProducer<byte[], byte[]> producer =
            producers.computeIfAbsent(codec + isIdempotent, key -> newProducer(settings));
        List<Future<RecordMetadata>> sent = new ArrayList<>();
        for (JsonNode record : ask.get("records")) {
            List<Header> headers = new ArrayList<>();
            for (JsonNode header : record.get(2)) {
                headers.add(new RecordHeader(header.get(0).asText(), bytes(header.get(1))));
            }
            Long timestamp = record.get(3).isNull() ? null : (Long) record.get(3).asLong();
            sent.add(producer.send(new ProducerRecord<>(ask.get("topic").asText(), ask.get("partition").asInt(),
                timestamp, bytes(record.get(0)), bytes(record.get(1)), headers)));
            Thread.sleep(ask.path("pace_ms").asLong());
        }
        ArrayNode offsets = answer.putArray("offsets");
        for (Future<RecordMetadata> one : sent) {
            offsets.add(one.get().offset());
        }
    }

    private void consume(JsonNode ask, ObjectNode answer) {
        TopicPartition where = partition(ask);
        consumer().assign(List.of(where));
        consumer().seek(where, ask.get("offset").asLong());
        ArrayNode records = answer.putArray("records");
        long deadline = System.nanoTime() + 20_000_000_000L;
        while (records.size() < ask.get("count").asInt() && System.nanoTime() < deadline) {
            for (ConsumerRecord<byte[], byte[]> record : consumer().poll(Duration.ofMillis(500))) {
                if (records.size() == ask.get("count").asInt()) {
                    break;
                }
                ArrayNode told = records.addArray().add(record.offset()).add(text(record.key())).add(text(record.value()));
                ArrayNode headers = told.addArray();
                for (Header header : record.headers()) {
                    headers.addArray().add(header.key()).add(text(header.value()));
                }
                told.add(record.timestamp());
            }
        }
    }

    // Admin.alterConfigs ended with 3.x: it is called by its name.
    private void set(String topic, Map<String, String> configs) throws Exception {
        List<ConfigEntry> entries = new ArrayList<>();
        configs.forEach((name, value) -> entries.add(new ConfigEntry(name, value)));
        AlterConfigsResult result;
        try {
            result = (AlterConfigsResult) Admin.class.getMethod("alterConfigs", Map.class)
                .invoke(admin(), Map.of(resource(topic), new Config(entries)));
        } catch (NoSuchMethodException gone) {
            throw new Cannot("no AlterConfigs any more");
        }
        result.all().get();
    }

    private KafkaProducer<byte[], byte[]> newProducer(Map<String, Object> settings) {
        Map<String, Object> all = common(settings);
        all.putAll(Map.of("acks", "all", "linger.ms", 20, "retry.backoff.ms", 50, "delivery.timeout.ms", 60000,
            "request.timeout.ms", 10000));
        return new KafkaProducer<>(all, new ByteArraySerializer(), new ByteArraySerializer());
    }

    private KafkaConsumer<byte[], byte[]> newConsumer(Map<String, Object> settings) {
        Map<String, Object> all = common(settings);
        all.putAll(Map.of("auto.offset.reset", "none", "enable.auto.commit", false, "fetch.max.wait.ms", 200));
        return new KafkaConsumer<>(all, new ByteArrayDeserializer(), new ByteArrayDeserializer());
    }

    private KafkaConsumer<byte[], byte[]> consumer() {
        if (reader == null) {
            reader = newConsumer(Map.of());
        }
        return reader;
    }

    private Admin admin() {
        if (theAdmin == null) {
            theAdmin = Admin.create(common(Map.of()));
        }
        return theAdmin;
    }

    private Map<String, Object> common(Map<String, Object> settings) {
        Map<String, Object> all = new HashMap<>(settings);
        all.putAll(Map.of("bootstrap.servers", bootstrap, "reconnect.backoff.ms", 20, "reconnect.backoff.max.ms", 200,
            "metadata.max.age.ms", 1000));
        return all;
    }

    private static TopicPartition partition(JsonNode ask) {
        return new TopicPartition(ask.get("topic").asText(), ask.get("partition").asInt());
    }

    private static ConfigResource resource(String topic) {
        return new ConfigResource(ConfigResource.Type.TOPIC, topic);
    }

    private static Map<String, String> strings(JsonNode object) {
        Map<String, String> all = new HashMap<>();
        object.fields().forEachRemaining(member -> all.put(member.getKey(), member.getValue().asText()));
        return all;
    }

    private static byte[] bytes(JsonNode text) {
        return text.isNull() ? null : text.asText().getBytes(StandardCharsets.UTF_8);
    }

    private static String text(byte[] bytes) {
        return bytes == null ? null : new String(bytes, StandardCharsets.UTF_8);
    }
}
