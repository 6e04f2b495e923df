#!/usr/bin/env python3
"""aiokafka, as the driver wants its clients."""
import asyncio
import importlib.metadata
import logging
import sys
import threading
import time
from pathlib import Path

# The folder of this file is named as the library is: it must not be where modules are sought.
sys.path[0] = str(Path(__file__).resolve().parent.parent)
sys.path.append(sys.path.pop(0))
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition  # noqa: E402  (after the paths)
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic, RecordsToDelete  # noqa: E402
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType  # noqa: E402
from aiokafka.errors import KafkaError, for_code  # noqa: E402

import agent  # noqa: E402


class Aiokafka:
    refusals = (KafkaError,)

    def __init__(self, bootstrap):
        self.bootstrap = bootstrap
        self.producers, self.reader, self.the_admin = {}, None, None
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, daemon=True).start()

    def __getattr__(self, name):
        """do_NAME waits for what the coroutine NAME does."""
        if not name.startswith("do_") or not hasattr(type(self), name[3:]):
            raise AttributeError(name)
        return lambda **members: asyncio.run_coroutine_threadsafe(
            getattr(self, name[3:])(**members), self.loop).result(90)

    async def _producer(self, codec, idempotent):
        if (codec, idempotent) not in self.producers:
            producer = AIOKafkaProducer(
                bootstrap_servers=self.bootstrap, compression_type=None if codec == "none" else codec, acks="all",
                enable_idempotence=idempotent, linger_ms=20, retry_backoff_ms=50, metadata_max_age_ms=1000)
            await producer.start()
            self.producers[codec, idempotent] = producer
        return self.producers[codec, idempotent]

    async def _consumer(self, where=None):
        if self.reader is None:
            self.reader = AIOKafkaConsumer(bootstrap_servers=self.bootstrap, enable_auto_commit=False, fetch_max_wait_ms=200,
                                           auto_offset_reset="none", metadata_max_age_ms=1000, retry_backoff_ms=50)
            await self.reader.start()
        if where is not None:
            self.reader.assign([where])
        return self.reader

    async def _admin(self):
        if self.the_admin is not None:
            await self.the_admin.close()
        self.the_admin = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap)
        await self.the_admin.start()
        return self.the_admin

    async def hello(self):
        return {"client": f"aiokafka {importlib.metadata.version('aiokafka')}", "lacks": []}

    async def produce(self, topic, partition, codec, records, idempotent=False, pace_ms=0):
        producer = await self._producer(codec, idempotent)
        deadline = time.monotonic() + 10
        while partition not in await producer.partitions_for(topic) and time.monotonic() < deadline:
            await asyncio.sleep(0.1)  # until it has heard of a partition that is new
        futures = []
        for key, value, headers, timestamp in records:
            futures.append(await producer.send(topic, _bytes(value), _bytes(key), partition, timestamp,
                                               [(name, _bytes(text)) for name, text in headers]))
            if pace_ms:
                await asyncio.sleep(pace_ms / 1000)
        return {"offsets": [told.offset for told in await asyncio.gather(*futures)]}

    async def consume(self, topic, partition, offset, count):
        where = TopicPartition(topic, partition)
        consumer = await self._consumer(where)
        consumer.seek(where, offset)
        records, deadline = [], time.monotonic() + 20
        while len(records) < count and time.monotonic() < deadline:
            found = await consumer.getmany(where, timeout_ms=500, max_records=count - len(records))
            records += [[record.offset, _text(record.key), _text(record.value),
                         [[name, _text(value)] for name, value in record.headers], record.timestamp]
                        for batch in found.values() for record in batch]
        return {"records": records}

    async def time(self, topic, partition, time):  # pylint: disable=redefined-outer-name
        where = TopicPartition(topic, partition)
        found = (await (await self._consumer(where)).offsets_for_times({where: time}))[where]
        return {"offset": found.offset if found else None}

    async def ends(self, topic, partition):
        where = TopicPartition(topic, partition)
        consumer = await self._consumer(where)
        return {"first": (await consumer.beginning_offsets([where]))[where],
                "end": (await consumer.end_offsets([where]))[where]}

    async def topics(self):
        listed = await (await self._admin()).describe_topics()
        return {"topics": {topic["topic"]: len(topic["partitions"]) for topic in listed}}

    async def create(self, topic, partitions, configs):
        wanted = NewTopic(topic, partitions, 1, topic_configs=configs)
        _refused((await (await self._admin()).create_topics([wanted], timeout_ms=10000)).topic_errors)

    async def delete(self, topic):
        _refused((await (await self._admin()).delete_topics([topic], timeout_ms=10000)).topic_error_codes)

    async def grow(self, topic, partitions):
        _refused((await (await self._admin()).create_partitions({topic: NewPartitions(partitions)})).topic_errors)

    async def trim(self, topic, partition, offset):
        await (await self._admin()).delete_records({TopicPartition(topic, partition): RecordsToDelete(offset)}, 10000)

    async def configs(self, topic):
        answers = await (await self._admin()).describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)])
        return {"configs": {entry[0]: entry[1] for answer in answers for entry in answer.resources[0][4]}}

    async def set(self, topic, configs):
        answers = await (await self._admin()).alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, configs)])
        code, message = answers[0].resources[0][:2]
        _refused([(topic, code, message)])

    async def set_one(self, topic, key, value):  # pylint: disable=unused-argument
        raise agent.Cannot("no IncrementalAlterConfigs")

    async def cluster(self):
        told = await (await self._admin()).describe_cluster()
        return {"id": told["cluster_id"], "nodes": len(told["brokers"]), "asks": "Metadata"}

    async def group(self, topic):
        consumer = AIOKafkaConsumer(topic, bootstrap_servers=self.bootstrap, group_id="a-group")
        try:
            await consumer.start()
            await consumer.getmany(timeout_ms=5000)
        finally:
            await consumer.stop()

    async def transaction(self, topic):  # pylint: disable=unused-argument
        producer = AIOKafkaProducer(bootstrap_servers=self.bootstrap, transactional_id="a-transaction")
        try:
            await asyncio.wait_for(producer.start(), 10)
        finally:
            await producer.stop()


def _refused(errors):
    for error in errors:
        if error[1]:
            raise for_code(error[1])(*error[2:])


def _bytes(text):
    return None if text is None else text.encode()


def _text(octets):
    return None if octets is None else octets.decode()


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)  # a line for each attempt to reach a server that was killed
    agent.serve(Aiokafka(sys.argv[1]))
