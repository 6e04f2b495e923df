#!/usr/bin/env python3
"""confluent-kafka (Debian's python3-confluent-kafka, on its librdkafka), as the driver wants its clients."""
import sys
import time
from pathlib import Path

import confluent_kafka
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, NewPartitions, NewTopic

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import agent  # noqa: E402  (the path above leads to it)

# A server that was killed is tried again at once, without a line for each connection.
RECONNECT = {"reconnect.backoff.ms": 20, "reconnect.backoff.max.ms": 200, "log_level": 2}

# What a consumer is told once and goes on: a server that was killed; and that no group is served, because this client wants a
# group's name even of those who only assign, and librdkafka asks for the group's coordinator then.
PASSING = (KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN,  # pylint: disable=protected-access
           KafkaError.GROUP_AUTHORIZATION_FAILED)


class Confluent:
    refusals = (KafkaException,)

    def __init__(self, bootstrap):
        self.common = {"bootstrap.servers": bootstrap} | RECONNECT
        self.producers, self.reader, self.admin_client = {}, None, None

    def _producer(self, codec, idempotent):
        if (codec, idempotent) not in self.producers:
            self.producers[codec, idempotent] = Producer(self.common | {
                "compression.type": codec, "acks": "all", "linger.ms": 20, "retry.backoff.ms": 50,
                "topic.metadata.refresh.interval.ms": 1000, "enable.idempotence": idempotent} | ({} if idempotent else {"max.in.flight": 1}))
        return self.producers[codec, idempotent]

    def _consumer(self):
        if self.reader is None:
            self.reader = Consumer(self.common | {
                "group.id": "not-joined", "enable.auto.commit": False, "auto.offset.reset": "error",
                "enable.partition.eof": False})
        return self.reader

    def _admin(self):
        if self.admin_client is None:
            self.admin_client = AdminClient(self.common)
        return self.admin_client

    def do_hello(self):
        return {"client": f"confluent-kafka {confluent_kafka.version()[0]}, librdkafka {confluent_kafka.libversion()[0]}",
                "lacks": []}

    def do_produce(self, topic, partition, codec, records, idempotent=False, pace_ms=0):
        producer, deadline = self._producer(codec, idempotent), time.monotonic() + 10
        while partition not in producer.list_topics(topic, 10).topics[topic].partitions and time.monotonic() < deadline:
            time.sleep(0.1)  # a topic or a partition that is new
        offsets, errors = [None] * len(records), []

        def delivered(number):
            def told(error, message):
                if error:
                    errors.append(str(error))
                else:
                    offsets[number] = message.offset()
            return told

        for number, (key, value, headers, timestamp) in enumerate(records):
            producer.produce(topic, value, key, partition, on_delivery=delivered(number),
                             headers=[tuple(header) for header in headers], timestamp=timestamp or 0)
            producer.poll(pace_ms / 1000)
        producer.flush(60)
        if errors:
            raise agent.Refused(errors[0])
        return {"offsets": offsets}

    def do_consume(self, topic, partition, offset, count):
        consumer = self._consumer()
        consumer.assign([TopicPartition(topic, partition, offset)])
        records, deadline = [], time.monotonic() + 20
        while len(records) < count and time.monotonic() < deadline:
            for message in consumer.consume(count - len(records), 0.5):
                if message.error():
                    if message.error().code() in PASSING:
                        continue
                    raise KafkaException(message.error())
                records.append([message.offset(), _text(message.key()), _text(message.value()),
                                [[name, _text(value)] for name, value in message.headers() or []],
                                message.timestamp()[1]])
        consumer.unassign()
        return {"records": records}

    def do_time(self, topic, partition, time):  # pylint: disable=redefined-outer-name
        found = self._consumer().offsets_for_times([TopicPartition(topic, partition, time)], 10)[0]
        if found.error:
            raise KafkaException(found.error)
        return {"offset": found.offset if found.offset >= 0 else None}

    def do_ends(self, topic, partition):
        first, end = self._consumer().get_watermark_offsets(TopicPartition(topic, partition), 10)
        return {"first": first, "end": end}

    def do_topics(self):
        listed = self._admin().list_topics(timeout=10).topics
        return {"topics": {name: len(topic.partitions) for name, topic in listed.items()}}

    def do_create(self, topic, partitions, configs):
        _result(self._admin().create_topics([NewTopic(topic, partitions, 1, config=configs)]))

    def do_delete(self, topic):
        _result(self._admin().delete_topics([topic]))

    def do_grow(self, topic, partitions):
        _result(self._admin().create_partitions([NewPartitions(topic, partitions)]))

    def do_trim(self, topic, partition, offset):
        if not hasattr(AdminClient, "delete_records"):
            raise agent.Cannot("no DeleteRecords in 1.7.0")
        _result(self._admin().delete_records([TopicPartition(topic, partition, offset)]))

    def do_configs(self, topic):
        entries = _result(self._admin().describe_configs([ConfigResource(ConfigResource.Type.TOPIC, topic)]))
        return {"configs": {name: entry.value for name, entry in entries.items()}}

    def do_set(self, topic, configs):
        _result(self._admin().alter_configs([ConfigResource(ConfigResource.Type.TOPIC, topic, set_config=configs)]))

    def do_set_one(self, topic, key, value):  # pylint: disable=unused-argument
        raise agent.Cannot("no IncrementalAlterConfigs in 1.7.0")

    def do_cluster(self):
        told = self._admin().list_topics(timeout=10)
        return {"id": getattr(told, "cluster_id", None), "nodes": len(told.brokers), "asks": "Metadata"}

    def do_group(self, topic):
        consumer = Consumer(self.common | {"group.id": "a-group"})
        consumer.subscribe([topic])
        message = consumer.poll(30)
        consumer.close()
        if message is not None and message.error():
            raise KafkaException(message.error())

    def do_transaction(self, topic):  # pylint: disable=unused-argument
        producer = Producer(self.common | {"transactional.id": "a-transaction"})
        producer.init_transactions(30)


def _result(futures):
    """The value of the one future among `futures`."""
    (future,) = futures.values()
    return future.result(15)


def _text(octets):
    return None if octets is None else octets.decode()


if __name__ == "__main__":
    agent.serve(Confluent(sys.argv[1]))
