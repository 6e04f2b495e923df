#!/usr/bin/python3
"""What clients do to topics and settings, through the admin clients of Debian and, for versions these do not send, as bytes made
by Kafka's own definitions. Debian's python3, whose packages the clients are.   usage: admin_test.py TDB"""
import base64
import re
import sys
import tempfile
from pathlib import Path

from talk import DATA  # first: it knows where the others are
from kafka_wire import Wire
from serve import Server

OK, UNKNOWN_TOPIC, TIMED_OUT, INVALID_TOPIC, EXISTS, INVALID_PARTITIONS = 0, 3, 7, 17, 36, 37
INVALID_REPLICATION, INVALID_ASSIGNMENT, INVALID_CONFIG, INVALID_REQUEST = 38, 39, 40, 42
TRANSACTIONS_REFUSED, UNKNOWN_ID, MISMATCHED_ENDPOINT, UNKNOWN_ENDPOINT = 53, 100, 114, 115
TOPIC, BROKER = 2, 4


def equal(got, want, what=""):
    assert got == want, f"{what}: got {got!r}, want {want!r}"


def matches(text, pattern):
    assert re.search(pattern, text or ""), f"{text!r} does not match {pattern!r}"


def outcomes(futures):
    """name -> (code, words), of librdkafka's admin calls."""
    from confluent_kafka import KafkaException
    got = {}
    for name, future in futures.items():
        try:
            future.result(20)
            got[name] = (OK, "")
        except KafkaException as failure:
            got[name] = (failure.args[0].code(), failure.args[0].str())
    return got


# --- librdkafka ---

def librdkafka_creates_grows_and_deletes(server):
    from confluent_kafka.admin import AdminClient, NewPartitions, NewTopic
    admin = AdminClient({"bootstrap.servers": server.address})
    got = outcomes(admin.create_topics([
        NewTopic("made", 3, 1), NewTopic("default", -1, 1), NewTopic("kept", 1, 1, config={"retention.ms": "60000"}),
        NewTopic("placed", 2, replica_assignment=[[1], [1]]), NewTopic("elsewhere", 2, replica_assignment=[[1], [7]]),
        NewTopic("two", 1, 2), NewTopic("none", 0, 1), NewTopic("typo", 1, 1, config={"retention.mss": "1"}),
        NewTopic("compacted", 1, 1, config={"cleanup.policy": "compact"}), NewTopic("__tdb_mine", 1, 1), NewTopic("a b", 1, 1)]))
    equal({name: code for name, (code, _) in got.items()},
          {"made": OK, "default": OK, "kept": OK, "placed": OK, "elsewhere": INVALID_ASSIGNMENT, "two": INVALID_REPLICATION,
           "none": INVALID_PARTITIONS, "typo": INVALID_CONFIG, "compacted": INVALID_CONFIG, "__tdb_mine": INVALID_TOPIC,
           "a b": INVALID_TOPIC})
    for name, words in (("elsewhere", "node 1"), ("two", "--clamp-replication"), ("typo", "did you mean 'retention.ms'"),
                        ("compacted", "use 'delete'"), ("__tdb_mine", "broker's own"), ("a b", "1 to 249 characters")):
        matches(got[name][1], words)
    got = outcomes(admin.create_topics([NewTopic("made", 1, 1), NewTopic("only.asked", 1, 1)], validate_only=True))
    equal((got["made"][0], got["only.asked"][0]), (EXISTS, OK))
    got = outcomes(admin.create_topics([NewTopic("only_asked", 1, 1)]))
    equal(got["only_asked"][0], OK, "a topic that was validated only does not exist")
    equal(outcomes(admin.create_topics([NewTopic("only.asked", 1, 1)]))["only.asked"][0], INVALID_TOPIC, "names that collide")
    got = outcomes(admin.create_partitions([NewPartitions("made", 5), NewPartitions("kept", 1), NewPartitions("gone", 2)]))
    equal({n: c for n, (c, _) in got.items()}, {"made": OK, "kept": INVALID_PARTITIONS, "gone": UNKNOWN_TOPIC})
    got = outcomes(admin.create_partitions([NewPartitions("placed", 3, [[1]]), NewPartitions("made", 7, [[1]])]))
    equal({n: c for n, (c, _) in got.items()}, {"placed": OK, "made": INVALID_ASSIGNMENT})
    equal(outcomes(admin.create_partitions([NewPartitions("made", 9)], validate_only=True))["made"][0], OK)
    topics = admin.list_topics(timeout=10).topics
    assert topics.pop("__tdb_controller"), "ours are listed"
    equal({name: len(topics[name].partitions) for name in topics},
          {"made": 5, "default": 1, "kept": 1, "placed": 3, "only_asked": 1})
    assert all(p.leader == 1 for t in topics.values() for p in t.partitions.values())
    got = outcomes(admin.delete_topics(["default", "gone", "__tdb_mine"], operation_timeout=10))
    equal({n: c for n, (c, _) in got.items()}, {"default": OK, "gone": UNKNOWN_TOPIC, "__tdb_mine": INVALID_TOPIC})
    assert "default" not in admin.list_topics(timeout=10).topics


def librdkafka_describes_and_alters(server):
    from confluent_kafka.admin import AdminClient, ConfigResource
    admin = AdminClient({"bootstrap.servers": server.address})

    def configs(kind, name):
        return next(iter(admin.describe_configs([ConfigResource(kind, name)]).values())).result(20)

    def alter(name, **settings):
        settings = {key.replace("_", "."): value for key, value in settings.items()}
        return next(iter(outcomes(admin.alter_configs([ConfigResource("topic", name, set_config=settings)])).values()))

    shown = configs("topic", "kept")
    equal(len(shown), 34, "every key")
    one = shown["retention.ms"]
    equal((one.value, one.source, one.is_default, one.is_read_only), ("60000", 1, False, False))
    equal([(s.name, s.value, s.source) for s in one.synonyms.values()],
          [("retention.ms", "60000", 1), ("log.retention.hours", "168", 5)])
    equal((shown["cleanup.policy"].value, shown["cleanup.policy"].source), ("delete", 5), "Connect reads it")
    equal(alter("kept", segment_bytes="2097152", flush_messages="10")[0], OK)
    shown = configs("topic", "kept")
    equal({k: v.value for k, v in shown.items() if v.source == 1}, {"segment.bytes": "2097152", "flush.messages": "10"},
          "what is not named is taken away")
    for settings, words in (({"retention_mss": "1"}, "did you mean 'retention.ms'"), ({"segment_bytes": "1"}, "segment.bytes"),
                            ({"cleanup_policy": "compact"}, "use 'delete'")):
        code, text = alter("kept", **settings)
        equal(code, INVALID_CONFIG)
        matches(text, words)
    equal(alter("__tdb_mine", retention_ms="1")[0], INVALID_TOPIC)
    equal(alter("gone", retention_ms="1")[0], UNKNOWN_TOPIC)
    node = configs("broker", "1")
    for name, value in (("default.replication.factor", "1"), ("node.id", "1"), ("num.partitions", "1"), ("message.max.bytes", "1048588"),
                        ("log.retention.hours", "168"), ("log.retention.ms", None), ("auto.create.topics.enable", "true"),
                        ("advertised.listeners", f"PLAINTEXT://{server.address}"), ("log.dirs", str(server.data))):
        equal((node[name].value, node[name].is_read_only), (value, True), name)


def librdkafka_produces_idempotently(server):
    from confluent_kafka import KafkaException, Producer
    offsets = []
    for _ in range(2):
        producer = Producer({"bootstrap.servers": server.address, "enable.idempotence": True, "linger.ms": 0})
        for i in range(20):
            producer.produce("kept", str(i), on_delivery=lambda err, msg: offsets.append((err, msg.offset())))
            producer.poll(0)
        equal(producer.flush(20), 0)
    equal(offsets, [(None, i) for i in range(40)])
    producer = Producer({"bootstrap.servers": server.address, "transactional.id": "t", "logger": __import__("logging").getLogger("none")})
    try:
        producer.init_transactions(10)
        raise AssertionError("transactions are not served")
    except KafkaException as failure:
        equal(failure.args[0].code(), TRANSACTIONS_REFUSED)


# --- kafka-python ---

def kafka_python_administers(server):
    from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient, NewPartitions, NewTopic
    from kafka.errors import InvalidTopicError, TopicAlreadyExistsError, UnknownTopicOrPartitionError
    admin = KafkaAdminClient(bootstrap_servers=server.address, api_version_auto_timeout_ms=30000)
    admin.create_topics([NewTopic("python", 2, 1, topic_configs={"retention.ms": "5000"})], timeout_ms=10000)
    admin.create_topics([NewTopic("python2", -1, -1, replica_assignments={0: [1], 1: [1]})])
    admin.create_partitions({"python": NewPartitions(4)})
    equal(len(admin.describe_topics(["python"])[0]["partitions"]), 4)
    for error, call in ((TopicAlreadyExistsError, lambda: admin.create_topics([NewTopic("python", 2, 1)])),
                        (InvalidTopicError, lambda: admin.create_topics([NewTopic("__tdb_x", 1, 1)])),
                        (UnknownTopicOrPartitionError, lambda: admin.delete_topics(["gone"]))):
        try:
            call()
            raise AssertionError(f"no {error.__name__}")
        except error:
            pass
    admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, "python", {"retention.ms": "7000"})])
    shown = admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, "python", {"retention.ms": None})])
    equal([(c[0], c[1], c[3]) for c in shown[0].resources[0][4]], [("retention.ms", "7000", 1)], "the key that is asked for")
    cluster = admin.describe_cluster()
    equal((cluster["controller_id"], len(cluster["brokers"])), (1, 1))
    equal(len(base64.urlsafe_b64decode(cluster["cluster_id"] + "==")), 16)
    admin.delete_topics(["python", "python2"], timeout_ms=10000)
    admin.close()


# --- Bytes ---

def topic_of(answer, name, array="topics"):
    return next(t for t in answer[array] if t["name"] == name)


def trap_26_create_topics_in_its_newest_version(wire):
    asked = [{"name": "v7", "numPartitions": -1, "replicationFactor": -1, "configs": [{"name": "segment.ms", "value": " 5000"}]},
             {"name": "v7.plain", "numPartitions": 2, "replicationFactor": 1},
             {"name": "twice", "numPartitions": 1, "replicationFactor": 1}, {"name": "twice", "numPartitions": 2, "replicationFactor": 1},
             {"name": "", "numPartitions": 1, "replicationFactor": 1},
             {"name": "null", "numPartitions": 1, "replicationFactor": 1, "configs": [{"name": "segment.ms", "value": None}]},
             {"name": "both", "numPartitions": 1, "replicationFactor": -1, "assignments": [{"partitionIndex": 0, "brokerIds": [1]}]},
             {"name": "gap", "numPartitions": -1, "replicationFactor": -1, "assignments": [{"partitionIndex": 1, "brokerIds": [1]}]},
             {"name": "many", "numPartitions": 100001, "replicationFactor": 1}]
    for check in (True, False):
        answer = wire.ask("CreateTopics", 7, {"topics": asked, "timeoutMs": 10000, "validateOnly": check})
        equal([(t["name"], t["errorCode"]) for t in answer["topics"]],
              [("v7", OK), ("v7.plain", OK), ("twice", INVALID_REQUEST), ("", INVALID_TOPIC), ("null", INVALID_CONFIG),
               ("both", INVALID_REQUEST), ("gap", INVALID_ASSIGNMENT), ("many", INVALID_PARTITIONS)])
        assert all(t["errorMessage"] for t in answer["topics"] if t["errorCode"] != OK)
        made, plain = answer["topics"][:2]
        equal((made["numPartitions"], made["replicationFactor"], plain["numPartitions"], answer["throttleTimeMs"]), (1, 1, 2, 0))
        equal({c["name"]: c["value"] for c in made["configs"] if c["configSource"] == 1}, {"segment.ms": "5000"})
        equal((len(made["configs"]), len(plain["configs"]), made["topicConfigErrorCode"]), (34, 34, OK))
        equal(made["topicId"] == bytes(16), check, "an id that is not zero, once the topic is there")
    shown = wire.ask("Metadata", 12, {"topics": [{"topicId": made["topicId"], "name": None}]})
    equal(shown["topics"][0]["name"], "v7", "the id is the topic's")
    return made["topicId"]


def trap_11_topics_are_deleted_by_id_and_made_again_with_another(wire, first):
    answer = wire.ask("DeleteTopics", 6, {"timeoutMs": 10000, "topics": [
        {"name": None, "topicId": first}, {"name": None, "topicId": b"x" * 16}, {"name": None}, {"name": "v7", "topicId": first},
        {"name": "v7.plain"}, {"name": "v7.plain"}, {"name": None, "topicId": b"y" * 16}, {"name": None, "topicId": b"y" * 16}]})
    equal([(t["name"], t["errorCode"]) for t in answer["responses"]],
          [("v7", OK), (None, UNKNOWN_ID), (None, INVALID_REQUEST), ("v7", INVALID_REQUEST), ("v7.plain", INVALID_REQUEST),
           (None, INVALID_REQUEST)])
    again = wire.ask("CreateTopics", 7, {"topics": [{"name": "v7", "numPartitions": 1, "replicationFactor": 1}], "timeoutMs": 10000})
    second = again["topics"][0]["topicId"]
    assert second not in (first, bytes(16))
    equal(wire.ask("Metadata", 12, {"topics": [{"topicId": first, "name": None}]})["topics"][0]["errorCode"], UNKNOWN_ID)
    part = {"index": 0, "records": b"anything"}
    old = wire.ask("Produce", 13, {"acks": -1, "timeoutMs": 1000, "topicData": [{"topicId": first, "partitionData": [part]}]})
    equal(old["responses"][0]["partitionResponses"][0]["errorCode"], UNKNOWN_ID)
    part = {"partition": 0, "fetchOffset": 0, "partitionMaxBytes": 1000}
    old = wire.ask("Fetch", 13, {"maxWaitMs": 0, "minBytes": 0, "topics": [{"topicId": first, "partitions": [part]}]})
    equal(old["responses"][0]["partitions"][0]["errorCode"], UNKNOWN_ID)


def every_version_of_the_oldest_calls_answers(wire):
    for version in range(2, 8):
        name = f"old.{version}"
        made = wire.ask("CreateTopics", version, {"topics": [{"name": name, "numPartitions": 1, "replicationFactor": 1}], "timeoutMs": 0})
        equal([(t["name"], t["errorCode"]) for t in made["topics"]], [(name, OK)])
    for version in range(4):
        grown = wire.ask("CreatePartitions", version, {"topics": [{"name": "old.2", "count": 2 + version, "assignments": None}] +
                                                       [{"name": "old.3", "count": 9, "assignments": None}] * 2, "timeoutMs": 10000})
        equal([(t["name"], t["errorCode"]) for t in grown["results"]], [("old.2", OK), ("old.3", INVALID_REQUEST)])
    for version in range(1, 6):
        gone = wire.ask("DeleteTopics", version, {"topicNames": [f"old.{version + 1}", "gone"], "timeoutMs": 10000})
        equal([(t["name"], t["errorCode"]) for t in gone["responses"]], [(f"old.{version + 1}", OK), ("gone", UNKNOWN_TOPIC)])
    for version in range(3):
        got = wire.ask("AlterConfigs", version, {"resources": [
            {"resourceType": TOPIC, "resourceName": "old.7", "configs": [{"name": "flush.ms", "value": "1000"}]},
            {"resourceType": TOPIC, "resourceName": "v7", "configs": [{"name": "flush.ms", "value": None}]},
            {"resourceType": BROKER, "resourceName": "1", "configs": []}, {"resourceType": 32, "resourceName": "g", "configs": []}]})
        equal([r["errorCode"] for r in got["responses"]], [OK, INVALID_REQUEST, INVALID_REQUEST, INVALID_REQUEST])
        assert all(r["errorMessage"] for r in got["responses"][1:])


def described(wire, name, keys=None, version=4, kind=TOPIC):
    got = wire.ask("DescribeConfigs", version, {"includeSynonyms": True, "includeDocumentation": True, "resources": [
        {"resourceType": kind, "resourceName": name, "configurationKeys": keys}]})
    return got["results"][0]


def configs_are_described_with_types_and_words(wire):
    for version in range(1, 5):
        equal(len(described(wire, "kept", version=version)["configs"]), 34)
    shown = {c["name"]: c for c in described(wire, "kept")["configs"]}
    equal({k: shown[k]["configType"] for k in ("preallocate", "compression.type", "segment.bytes", "retention.ms",
                                               "min.cleanable.dirty.ratio", "cleanup.policy")},
          {"preallocate": 1, "compression.type": 2, "segment.bytes": 3, "retention.ms": 5, "min.cleanable.dirty.ratio": 6,
           "cleanup.policy": 7})
    assert all(c["documentation"] for c in shown.values())
    equal([c["name"] for c in described(wire, "kept", ["segment.ms", "no.such"])["configs"]], ["segment.ms"])
    for name, kind, error in (("gone", TOPIC, UNKNOWN_TOPIC), ("a b", TOPIC, INVALID_TOPIC), ("2", BROKER, INVALID_REQUEST),
                              ("x", BROKER, INVALID_REQUEST), ("1", 8, INVALID_REQUEST)):
        got = described(wire, name, kind=kind)
        equal((got["errorCode"], got["resourceName"], got["configs"]), (error, name, []))
        assert got["errorMessage"]
    equal(described(wire, "", kind=BROKER)["configs"], [], "what is set for all nodes while they run")


def what_is_ours_is_shown_and_not_touched(wire):
    ours = "__tdb_controller"
    shown = wire.ask("Metadata", 12, {"topics": [{"topicId": bytes(16), "name": ours}]})["topics"][0]
    equal((shown["errorCode"], shown["isInternal"], len(shown["partitions"])), (OK, True, 1))
    retention = described(wire, ours, ["retention.ms"])["configs"][0]
    equal((retention["value"], retention["configSource"]), ("-1", 4), "it is kept for ever, and nobody set that")
    equal([s["value"] for s in retention["synonyms"]], ["-1", "168"])
    for refused in (
            wire.ask("DeleteTopics", 6, {"topics": [{"name": ours}], "timeoutMs": 1000})["responses"],
            wire.ask("DeleteTopics", 6, {"topics": [{"name": None, "topicId": shown["topicId"]}], "timeoutMs": 1000})["responses"],
            wire.ask("CreatePartitions", 3, {"topics": [{"name": ours, "count": 2, "assignments": None}], "timeoutMs": 1000})["results"],
            wire.ask("AlterConfigs", 2, {"resources": [{"resourceType": TOPIC, "resourceName": ours, "configs": []}]})["responses"],
            wire.ask("IncrementalAlterConfigs", 1, {"resources": [{"resourceType": TOPIC, "resourceName": ours, "configs": [
                {"name": "retention.ms", "configOperation": 0, "value": "1"}]}]})["responses"]):
        equal([(r["errorCode"], r["errorMessage"]) for r in refused], [(INVALID_TOPIC, "names that begin with __tdb_ are the broker's own")])


def single_settings_are_altered(wire):
    def alter(*configs, topic="kept", check=False, times=1):
        got = wire.ask("IncrementalAlterConfigs", 1, {"validateOnly": check, "resources": [
            {"resourceType": TOPIC, "resourceName": topic, "configs": [
                {"name": n, "configOperation": o, "value": v} for n, o, v in configs]}] * times})
        return [(r["errorCode"], r["errorMessage"]) for r in got["responses"]]

    def own():
        return {c["name"]: c["value"] for c in described(wire, "kept")["configs"] if c["configSource"] == 1}

    before = own()
    equal(alter(("retention.ms", 0, "9000"), check=True)[0][0], OK)
    equal(own(), before, "validated only")
    equal(alter(("retention.ms", 0, "9000"), ("flush.messages", 1, None))[0][0], OK)
    equal(own(), {"segment.bytes": "2097152", "retention.ms": "9000"}, "the others stay")
    equal(alter(("flush.ms", 1, None))[0][0], OK, "taken away where it was not set")
    equal(alter(("cleanup.policy", 2, "delete"))[0][0], OK, "a list that has the word already")
    equal(own()["cleanup.policy"], "delete")
    for configs, error, words in (([("cleanup.policy", 2, "compact")], INVALID_CONFIG, "delete,compact"),
                                  ([("cleanup.policy", 3, "delete")], INVALID_CONFIG, "cleanup.policy"),
                                  ([("retention.ms", 2, "1")], INVALID_CONFIG, "not a list"),
                                  ([("retention.mss", 1, None)], INVALID_CONFIG, "did you mean 'retention.ms'"),
                                  ([("retention.ms", 9, "1")], INVALID_REQUEST, "operation 9"),
                                  ([("retention.ms", 0, None)], INVALID_REQUEST, "without a value"),
                                  ([("flush.ms", 0, "5000"), ("flush.ms", 1, None)], INVALID_REQUEST, "twice"),
                                  ([("flush.ms", 0, "5000")] * 41, INVALID_REQUEST, "more configs")):
        (code, text), = alter(*configs)
        equal(code, error, configs)
        matches(text, words)
    equal(alter(("cleanup.policy", 3, "compact"), ("cleanup.policy", 1, None))[0][0], INVALID_REQUEST)
    equal(alter(("cleanup.policy", 3, "compact"))[0][0], OK, "a word that is not there is taken out")
    equal([c for c, _ in alter(("flush.ms", 0, "5000"), times=2)], [INVALID_REQUEST] * 2)
    equal(alter(("flush.ms", 0, "5000"), topic="__tdb_mine")[0][0], INVALID_TOPIC)
    equal(own(), {"segment.bytes": "2097152", "retention.ms": "9000", "cleanup.policy": "delete"})


def producer_ids_are_never_given_twice(wire, other):
    seen = []
    for version in range(6):
        got = wire.ask("InitProducerId", version, {"transactionalId": None, "transactionTimeoutMs": -1})
        equal((got["errorCode"], got["producerEpoch"]), (OK, 0))
        seen.append(got["producerId"])
    got = wire.ask("InitProducerId", 3, {"transactionalId": None, "transactionTimeoutMs": 1, "producerId": seen[0], "producerEpoch": 0})
    equal((got["errorCode"], got["producerEpoch"]), (OK, 0), "one that asks for a new epoch gets a new id, as in Kafka")
    seen += [got["producerId"]]
    for _ in range(1100):  # more than a block, on connections that may be of different shards
        seen += [w.ask("InitProducerId", 4, {"transactionalId": None, "transactionTimeoutMs": 1})["producerId"] for w in (wire, other)]
    assert all(i >= 0 for i in seen)
    equal(len(set(seen)), len(seen))
    for body, error in (({"producerId": 5}, INVALID_REQUEST), ({"producerEpoch": 5}, INVALID_REQUEST),
                        ({"transactionalId": ""}, INVALID_REQUEST), ({"transactionalId": "mine"}, TRANSACTIONS_REFUSED)):
        got = wire.ask("InitProducerId", 4, dict({"transactionalId": None, "transactionTimeoutMs": 1}, **body))
        equal((got["errorCode"], got["producerId"]), (error, -1), body)
    return max(seen)


def the_cluster_is_described(wire, port):
    for version in range(3):
        got = wire.ask("DescribeCluster", version, {})
        equal((got["errorCode"], got["controllerId"], [(b["brokerId"], b["host"], b["port"]) for b in got["brokers"]]),
              (OK, 1, [(1, "127.0.0.1", port)]))
        equal(got["clusterId"], wire.ask("Metadata", 9, {"topics": []})["clusterId"])
    equal(wire.ask("DescribeCluster", 1, {"endpointType": 2})["errorCode"], MISMATCHED_ENDPOINT)
    equal(wire.ask("DescribeCluster", 1, {"endpointType": 9})["errorCode"], UNKNOWN_ENDPOINT)


def partitions_are_described_page_by_page(wire):
    sizes = {"page.a": 3, "page.b": 1, "page.c": 4}
    wire.ask("CreateTopics", 7, {"timeoutMs": 10000, "topics": [
        {"name": n, "numPartitions": c, "replicationFactor": 1} for n, c in sizes.items()]})

    def pages(names, limit):
        got, cursor = [], None
        for _ in range(200):
            page = wire.ask("DescribeTopicPartitions", 0, {"topics": [{"name": n} for n in names], "cursor": cursor,
                                                           "responsePartitionLimit": limit})
            count = sum(len(t["partitions"]) for t in page["topics"])
            assert count <= max(limit, 1)
            for topic in page["topics"]:
                got += [(topic["name"], topic["errorCode"], p["partitionIndex"]) for p in topic["partitions"]] or \
                    [(topic["name"], topic["errorCode"], None)]
            assert all(p["leaderId"] == 1 and p["errorCode"] == OK for t in page["topics"] for p in t["partitions"])
            cursor = page["nextCursor"]
            if cursor is None:
                return got
        raise AssertionError("no last page")

    want = [(n, OK, i) for n in sorted(sizes) for i in range(sizes[n])]
    for limit in (0, 1, 2, 3, 4, 5, 8, 100000):
        equal(pages(["page.c", "page.a", "page.b", "page.a"], limit), want, limit)
        every = pages([], limit)
        equal([row for row in every if row[0].startswith("page.")], want, limit)
        equal(every, sorted(every), "in the order of names")
    equal(pages(["page.b", "page.aa", "a b"], 9), [("a b", INVALID_TOPIC, None), ("page.aa", UNKNOWN_TOPIC, None), ("page.b", OK, 0)])
    for cursor in ({"topicName": "page.b", "partitionIndex": 0}, {"topicName": "page.a", "partitionIndex": -1}):
        page = wire.ask("DescribeTopicPartitions", 0, {"topics": [{"name": "page.a"}], "cursor": cursor})
        equal([(t["name"], t["errorCode"]) for t in page["topics"]], [("page.a", INVALID_REQUEST)])
    page = wire.ask("DescribeTopicPartitions", 0, {"topics": [{"name": "page.a"}], "cursor": {"topicName": "page.a", "partitionIndex": 9}})
    equal((page["topics"][0]["partitions"], page["nextCursor"]), ([], None), "a cursor behind the end")


def trap_29_answers_come_in_the_order_of_requests(wire):
    topics = [{"name": f"row.{i}", "numPartitions": 1, "replicationFactor": 1} for i in range(150)]  # three entries
    wire.send("CreateTopics", 5, {"topics": topics, "timeoutMs": 20000})
    wire.correlation += 100
    wire.send("DescribeCluster", 0, {})
    wire.correlation -= 101
    equal({t["errorCode"] for t in wire.receive("CreateTopics", 5)["topics"]}, {OK})
    wire.correlation += 101
    wire.receive("DescribeCluster", 0)


def all_of_it_is_there_after(end, server, id_max, shown):
    end()
    server.start()
    wire = Wire(DATA, "127.0.0.1", server.port)
    after = everything(wire)
    equal(after, shown, end.__name__)
    got = wire.ask("InitProducerId", 4, {"transactionalId": None, "transactionTimeoutMs": 1})["producerId"]
    assert got > id_max, f"producer id {got} after {id_max}"
    wire.close()
    return got


def everything(wire):
    """Topics, their ids, partitions and settings."""
    topics = wire.ask("Metadata", 12, {"topics": None})["topics"]
    return sorted((t["name"], t["topicId"], len(t["partitions"]),
                   [(c["name"], c["value"]) for c in described(wire, t["name"])["configs"] if c["configSource"] == 1]) for t in topics)


def replication_is_clamped_where_the_node_is_told_to(server):
    wire = Wire(DATA, "127.0.0.1", server.port)
    got = wire.ask("CreateTopics", 7, {"topics": [{"name": "clamped", "numPartitions": 1, "replicationFactor": 3}], "timeoutMs": 10000})
    equal((got["topics"][0]["errorCode"], got["topics"][0]["replicationFactor"]), (OK, 1))
    wire.close()


def test(tdb, work):
    server = Server(tdb, work, "--shards", "3", "--memory", "128MiB")
    try:
        server.start()
        librdkafka_creates_grows_and_deletes(server)
        librdkafka_describes_and_alters(server)
        librdkafka_produces_idempotently(server)
        kafka_python_administers(server)
        wire, other = (Wire(DATA, "127.0.0.1", server.port) for _ in range(2))
        trap_11_topics_are_deleted_by_id_and_made_again_with_another(
            wire, trap_26_create_topics_in_its_newest_version(wire))
        every_version_of_the_oldest_calls_answers(wire)
        configs_are_described_with_types_and_words(wire)
        what_is_ours_is_shown_and_not_touched(wire)
        single_settings_are_altered(wire)
        id_max = producer_ids_are_never_given_twice(wire, other)
        matches(server.text(), r"refused: not served yet wanted=\"transactions are not served yet.*transactional id.*mine")
        the_cluster_is_described(wire, server.port)
        partitions_are_described_page_by_page(wire)
        trap_29_answers_come_in_the_order_of_requests(wire)
        shown = everything(wire)
        id_max = all_of_it_is_there_after(server.kill, server, id_max, shown)
        server.flags += ("--clamp-replication",)
        all_of_it_is_there_after(server.stop, server, id_max, shown)
        replication_is_clamped_where_the_node_is_told_to(server)
        server.stop()
    except BaseException:
        print(server.text()[-3000:], file=sys.stderr)
        raise
    finally:
        server.close()


def main():
    for package in ("kafka", "confluent_kafka"):
        try:
            __import__(package)
        except ImportError:
            print(f"SKIP: e2e_admin: python3-{package.replace('_', '-')} is not installed: deploy/install test")
            return
    if not DATA.is_dir():
        print(f"SKIP: e2e_admin: no {DATA}")
        return
    with tempfile.TemporaryDirectory() as work:
        test(sys.argv[1], Path(work))


main()
