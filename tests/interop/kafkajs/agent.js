#!/usr/bin/env node
// kafkajs, as the driver wants its clients. Its snappy, lz4 and zstd are packages of others, which it is given here.
'use strict'

const readline = require('readline')
const { Kafka, CompressionTypes, CompressionCodecs, ConfigResourceTypes, logLevel } = require('kafkajs')
const lz4 = require('lz4js')

CompressionCodecs[CompressionTypes.Snappy] = require('kafkajs-snappy')
CompressionCodecs[CompressionTypes.LZ4] = () => ({
  compress: async encoder => Buffer.from(lz4.compress(encoder.buffer)),
  decompress: async buffer => Buffer.from(lz4.decompress(buffer)),
})
const zstd = new Promise(resolve => require('zstd-codec').ZstdCodec.run(codec => resolve(new codec.Simple())))
CompressionCodecs[CompressionTypes.ZSTD] = () => ({
  compress: async encoder => Buffer.from((await zstd).compress(encoder.buffer)),
  decompress: async buffer => Buffer.from((await zstd).decompress(buffer)),
})
const CODECS = {
  none: CompressionTypes.None,
  gzip: CompressionTypes.GZIP,
  snappy: CompressionTypes.Snappy,
  lz4: CompressionTypes.LZ4,
  zstd: CompressionTypes.ZSTD,
}

class Cannot extends Error {}

const kafka = new Kafka({
  clientId: 'interop',
  brokers: [process.argv[2]],
  logLevel: logLevel.NOTHING,
  retry: { initialRetryTime: 50, maxRetryTime: 300, retries: 60 },
})
const producers = {}
let theAdmin = null
const sleep = ms => new Promise(resolve => setTimeout(resolve, ms))

async function producer(idempotent) {
  if (!producers[idempotent]) {
    producers[idempotent] = kafka.producer({ idempotent, maxInFlightRequests: 1, metadataMaxAge: 1000 })
    await producers[idempotent].connect()
  }
  return producers[idempotent]
}

async function admin() {
  if (!theAdmin) {
    theAdmin = kafka.admin()
    await theAdmin.connect()
  }
  return theAdmin
}

function message([key, value, headers, timestamp], partition) {
  const named = {}
  for (const [name, text] of headers) {
    named[name] = (named[name] || []).concat([text])
  }
  return { key, value, headers: named, partition, ...(timestamp === null ? {} : { timestamp: String(timestamp) }) }
}

// The calls of README.md.
const calls = {
  async hello() {
    return { client: `kafkajs ${require('kafkajs/package.json').version}`, lacks: ['consume'] }
  },

  async produce({ topic, partition, codec, records, idempotent = false, pace_ms: paceMs = 0 }) {
    const from = await producer(idempotent)
    const offsets = []
    const step = paceMs ? 10 : records.length
    for (let at = 0; at < records.length; at += step) {
      const some = records.slice(at, at + step)
      const batch = {
        topic,
        acks: -1,
        compression: CODECS[codec],
        messages: some.map(record => message(record, partition)),
      }
      let told
      // What is for a partition it has not heard of it sends nowhere, and says nothing.
      for (let i = 0; i < 100 && !told; i++) {
        if (i > 0) await sleep(100)
        told = (await from.send(batch))[0]
      }
      some.forEach((_, i) => offsets.push(Number(told.baseOffset) + i))
      await sleep(paceMs * some.length)
    }
    return { offsets }
  },

  async time({ topic, partition, time }) {
    const found = await (await admin()).fetchTopicOffsetsByTimestamp(topic, time)
    const { offset } = found.find(one => one.partition === partition)
    return { offset: offset === '-1' ? null : Number(offset) }
  },

  async ends({ topic, partition }) {
    const found = await (await admin()).fetchTopicOffsets(topic)
    const { low, high } = found.find(one => one.partition === partition)
    return { first: Number(low), end: Number(high) }
  },

  async topics() {
    const { topics } = await (await admin()).fetchTopicMetadata()
    return { topics: Object.fromEntries(topics.map(({ name, partitions }) => [name, partitions.length])) }
  },

  async create({ topic, partitions, configs }) {
    const configEntries = Object.entries(configs).map(([name, value]) => ({ name, value }))
    const isNew = await (await admin()).createTopics({
      topics: [{ topic, numPartitions: partitions, replicationFactor: 1, configEntries }],
    })
    return isNew ? {} : { error: 'the topic exists' }
  },

  async delete({ topic }) {
    await (await admin()).deleteTopics({ topics: [topic] })
    return {}
  },

  async grow({ topic, partitions }) {
    await (await admin()).createPartitions({ topicPartitions: [{ topic, count: partitions }] })
    return {}
  },

  async trim({ topic, partition, offset }) {
    await (await admin()).deleteTopicRecords({ topic, partitions: [{ partition, offset: String(offset) }] })
    return {}
  },

  async configs({ topic }) {
    const { resources } = await (await admin()).describeConfigs({
      resources: [{ type: ConfigResourceTypes.TOPIC, name: topic }],
    })
    return {
      configs: Object.fromEntries(resources[0].configEntries.map(entry => [entry.configName, entry.configValue])),
    }
  },

  async set({ topic, configs }) {
    const configEntries = Object.entries(configs).map(([name, value]) => ({ name, value }))
    await (await admin()).alterConfigs({ resources: [{ type: ConfigResourceTypes.TOPIC, name: topic, configEntries }] })
    return {}
  },

  async cluster() {
    const { clusterId, brokers } = await (await admin()).describeCluster()
    return { id: clusterId, nodes: brokers.length, asks: 'Metadata' }
  },

  async group({ topic }) {
    const consumer = kafka.consumer({ groupId: 'a-group', retry: { retries: 1 } })
    const crashed = new Promise(resolve => consumer.on(consumer.events.CRASH, ({ payload }) => resolve(payload.error)))
    await consumer.connect()
    await consumer.subscribe({ topics: [topic] })
    try {
      await consumer.run({ eachMessage: async () => {} })
      const error = await Promise.race([crashed, sleep(30000)])
      return error ? { error: `${error.type} ${error.message}` } : {}
    } finally {
      await consumer.disconnect()
    }
  },

  async transaction() {
    const from = kafka.producer({ transactionalId: 'a-transaction', maxInFlightRequests: 1, retry: { retries: 1 } })
    await from.connect()
    try {
      await from.transaction()
    } finally {
      await from.disconnect()
    }
    return {}
  },

  async consume() {
    throw new Cannot('no assignment of partitions, only groups')
  },

  async set_one() {
    throw new Cannot('no IncrementalAlterConfigs')
  },
}

async function main() {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const request = JSON.parse(line)
    let answer
    try {
      answer = calls[request.do] ? await calls[request.do](request) : { cannot: 'no such call' }
    } catch (error) {
      answer = error instanceof Cannot ? { cannot: error.message } : { error: `${error.type || error.name} ${error.message}` }
      if (!(error instanceof Cannot || error.name.startsWith('KafkaJS'))) console.error(error.stack)
    }
    process.stdout.write(JSON.stringify(answer) + '\n')
  }
  process.exit(0)
}

main()
