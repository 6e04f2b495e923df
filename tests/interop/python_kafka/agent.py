#!/usr/bin/env python3
"""kafka-python 2.0.2 (Debian's python3-kafka), as the driver wants its clients."""
import sys
import time
from pathlib import Path

import kafka
from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient, NewPartitions, NewTopic
from kafka.errors import KafkaError

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import agent  # noqa: E402  (the path above leads to it)

PROBE_MS = 30000  # which versions the server knows is asked for so long; its default is 2 s


class PythonKafka:
    refusals = (KafkaError,)

    def __init__(self, bootstrap):
        self.bootstrap = bootstrap
        self.producers, self.reader, self.admin_client = {}, None, None

    def _producer(self, codec):
        if codec not in self.producers:
            self.producers[codec] = kafka.KafkaProducer(
                bootstrap_servers=self.bootstrap, compression_type=None if codec == "none" else codec, acks="all",
                retries=100, retry_backoff_ms=50, max_in_flight_requests_per_connection=1, linger_ms=20,
                request_timeout_ms=10000, reconnect_backoff_ms=20, reconnect_backoff_max_ms=200,
                metadata_max_age_ms=1000, api_version_auto_timeout_ms=PROBE_MS)
        return self.producers[codec]

    def _consumer(self, topic, partition):
        if self.reader is None:
            self.reader = kafka.KafkaConsumer(bootstrap_servers=self.bootstrap, group_id=None, enable_auto_commit=False,
                                              auto_offset_reset="none", reconnect_backoff_ms=20,
                                              reconnect_backoff_max_ms=200, fetch_max_wait_ms=200,
                                              api_version_auto_timeout_ms=PROBE_MS)
        where = kafka.TopicPartition(topic, partition)
        self.reader.assign([where])
        return self.reader, where

    def _admin(self):
        """One that no request was made with: this client's ends at the first connection that is gone."""
        if self.admin_client is not None:
            self.admin_client.close()
        self.admin_client = KafkaAdminClient(bootstrap_servers=self.bootstrap, api_version_auto_timeout_ms=PROBE_MS)
        return self.admin_client

    def do_hello(self):
        return {"client": f"kafka-python {kafka.__version__}", "lacks": []}

    def do_produce(self, topic, partition, codec, records, idempotent=False, pace_ms=0):
        if idempotent:
            raise agent.Cannot("no idempotent producer")
        producer, futures, deadline = self._producer(codec), [], time.monotonic() + 10
        while partition not in producer.partitions_for(topic) and time.monotonic() < deadline:
            time.sleep(0.1)  # until it has heard of a partition that is new
        for key, value, headers, timestamp in records:
            futures.append(producer.send(topic, key=_bytes(key), value=_bytes(value), partition=partition,
                                         headers=[(name, _bytes(text)) for name, text in headers],
                                         timestamp_ms=timestamp))
            time.sleep(pace_ms / 1000)
        producer.flush(60)
        return {"offsets": [future.get(1).offset for future in futures]}

    def do_consume(self, topic, partition, offset, count):
        consumer, where = self._consumer(topic, partition)
        consumer.seek(where, offset)
        records, deadline = [], time.monotonic() + 20
        while len(records) < count and time.monotonic() < deadline:
            for batch in consumer.poll(timeout_ms=500, max_records=count - len(records)).values():
                records += [[record.offset, _text(record.key), _text(record.value),
                             [[name, _text(value)] for name, value in record.headers], record.timestamp]
                            for record in batch]
        return {"records": records}

    def do_time(self, topic, partition, time):  # pylint: disable=redefined-outer-name
        consumer, where = self._consumer(topic, partition)
        found = consumer.offsets_for_times({where: time})[where]
        return {"offset": found.offset if found else None}

    def do_ends(self, topic, partition):
        consumer, where = self._consumer(topic, partition)
        return {"first": consumer.beginning_offsets([where])[where], "end": consumer.end_offsets([where])[where]}

    def do_topics(self):
        listed = self._admin().describe_topics()
        return {"topics": {topic["topic"]: len(topic["partitions"]) for topic in listed}}

    def do_create(self, topic, partitions, configs):
        _refusals(self._admin().create_topics([NewTopic(topic, partitions, 1, topic_configs=configs)], timeout_ms=10000))

    def do_delete(self, topic):
        _refusals(self._admin().delete_topics([topic], timeout_ms=10000))

    def do_grow(self, topic, partitions):
        _refusals(self._admin().create_partitions({topic: NewPartitions(partitions)}, timeout_ms=10000))

    def do_trim(self, topic, partition, offset):  # pylint: disable=unused-argument
        raise agent.Cannot("no DeleteRecords in 2.0.2")

    def do_configs(self, topic):
        answers = self._admin().describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)])
        return {"configs": {entry[0]: entry[1] for answer in answers for entry in answer.resources[0][4]}}

    def do_set(self, topic, configs):
        answer = self._admin().alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, configs=configs)])
        code, message = answer.resources[0][:2]
        if code:
            raise agent.Refused(f"{kafka.errors.for_code(code).__name__}: {message}")

    def do_set_one(self, topic, key, value):  # pylint: disable=unused-argument
        raise agent.Cannot("no IncrementalAlterConfigs in 2.0.2")

    def do_cluster(self):
        told = self._admin().describe_cluster()
        return {"id": told["cluster_id"], "nodes": len(told["brokers"]), "asks": "Metadata"}

    def do_group(self, topic):
        consumer = kafka.KafkaConsumer(topic, bootstrap_servers=self.bootstrap, group_id="a-group",
                                       api_version_auto_timeout_ms=PROBE_MS)
        try:
            consumer.poll(timeout_ms=30000)
        finally:
            consumer.close(autocommit=False)

    def do_transaction(self, topic):  # pylint: disable=unused-argument
        raise agent.Cannot("no transactions")


def _refusals(response):
    """Raise what a response to an admin request refused, in the few forms that they have."""
    for attribute in ("topic_errors", "topic_error_codes"):
        for entry in getattr(response, attribute, []):
            if entry[1]:
                raise kafka.errors.for_code(entry[1])(*entry[2:])


def _bytes(text):
    return None if text is None else text.encode()


def _text(octets):
    return None if octets is None else octets.decode()


if __name__ == "__main__":
    agent.serve(PythonKafka(sys.argv[1]))
