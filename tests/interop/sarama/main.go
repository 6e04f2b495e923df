// sarama, as the driver wants its clients.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/IBM/sarama"
)

type request struct {
	Do         string            `json:"do"`
	Topic      string            `json:"topic"`
	Partition  int32             `json:"partition"`
	Partitions int32             `json:"partitions"`
	Codec      string            `json:"codec"`
	Records    [][4]any          `json:"records"`
	Idempotent bool              `json:"idempotent"`
	PaceMs     int64             `json:"pace_ms"`
	Offset     int64             `json:"offset"`
	Count      int               `json:"count"`
	Time       int64             `json:"time"`
	Configs    map[string]string `json:"configs"`
	Key        string            `json:"key"`
	Value      string            `json:"value"`
}

type answer map[string]any

var errNoCall = errors.New("no such call")

var codecs = map[string]sarama.CompressionCodec{"none": sarama.CompressionNone, "gzip": sarama.CompressionGZIP,
	"snappy": sarama.CompressionSnappy, "lz4": sarama.CompressionLZ4, "zstd": sarama.CompressionZSTD}

type agent struct {
	brokers   []string
	client    sarama.Client
	reader    sarama.Consumer
	admin     sarama.ClusterAdmin
	producers map[string]producer
}

type producer struct {
	sarama.AsyncProducer
	client sarama.Client
}

func main() {
	a := &agent{brokers: os.Args[1:], producers: map[string]producer{}}
	client, err := sarama.NewClient(a.brokers, settings())
	if err == nil {
		a.client = client
		a.reader, err = sarama.NewConsumerFromClient(client)
	}
	if err != nil {
		panic(err)
	}
	lines := bufio.NewReader(os.Stdin)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return
		}
		var ask request
		if err := json.Unmarshal(line, &ask); err != nil {
			panic(err)
		}
		told, err := a.answer(&ask)
		if errors.Is(err, errNoCall) {
			told = answer{"cannot": err.Error()}
		} else if err != nil {
			told = answer{"error": err.Error()}
		}
		if told == nil {
			told = answer{}
		}
		text, _ := json.Marshal(told)
		fmt.Println(string(text))
	}
}

func settings() *sarama.Config {
	config := sarama.NewConfig()
	config.Version = sarama.MaxVersion
	config.Metadata.RefreshFrequency = time.Second
	config.Metadata.Retry.Max = 100
	config.Metadata.Retry.Backoff = 50 * time.Millisecond
	config.Admin.Retry.Max = 20
	config.Admin.Retry.Backoff = 50 * time.Millisecond
	config.Consumer.MaxWaitTime = 200 * time.Millisecond
	config.Consumer.Retry.Backoff = 50 * time.Millisecond
	config.Consumer.Return.Errors = true
	config.Producer.RequiredAcks = sarama.WaitForAll
	config.Producer.Return.Successes = true
	config.Producer.Partitioner = sarama.NewManualPartitioner
	config.Producer.Flush.Frequency = 20 * time.Millisecond
	config.Producer.Retry.Max = 200
	config.Producer.Retry.Backoff = 50 * time.Millisecond
	return config
}

func (a *agent) answer(ask *request) (answer, error) {
	// An admin client that has lost its connection may say so to the next request: each has a new one.
	admin, err := sarama.NewClusterAdmin(a.brokers, settings())
	if err != nil {
		return nil, err
	}
	defer admin.Close()
	a.admin = admin
	switch ask.Do {
	case "hello":
		return answer{"client": "sarama " + version("github.com/IBM/sarama"), "lacks": []string{}}, nil
	case "produce":
		return a.produce(ask)
	case "consume":
		return a.consume(ask)
	case "time":
		offset, err := a.client.GetOffset(ask.Topic, ask.Partition, ask.Time)
		if err == nil && offset < 0 {
			return answer{"offset": nil}, nil
		}
		return answer{"offset": offset}, err
	case "ends":
		start, err := a.client.GetOffset(ask.Topic, ask.Partition, sarama.OffsetOldest)
		if err != nil {
			return nil, err
		}
		end, err := a.client.GetOffset(ask.Topic, ask.Partition, sarama.OffsetNewest)
		return answer{"first": start, "end": end}, err
	case "topics":
		listed, err := a.admin.ListTopics()
		counts := map[string]int32{}
		for name, topic := range listed {
			counts[name] = topic.NumPartitions
		}
		return answer{"topics": counts}, err
	case "configs":
		told, err := a.admin.DescribeConfig(sarama.ConfigResource{Type: sarama.TopicResource, Name: ask.Topic})
		configs := map[string]string{}
		for _, entry := range told {
			configs[entry.Name] = entry.Value
		}
		return answer{"configs": configs}, err
	case "cluster":
		brokers, _, err := a.admin.DescribeCluster()
		return answer{"id": nil, "nodes": len(brokers), "asks": "Metadata"}, err
	case "group":
		_, err := a.client.Coordinator("a-group")
		return nil, err
	case "transaction":
		config := settings()
		config.Producer.Idempotent = true
		config.Producer.Transaction.ID = "a-transaction"
		config.Producer.Transaction.Retry.Max = 1
		config.Net.MaxOpenRequests = 1
		_, err := sarama.NewAsyncProducer(a.brokers, config)
		return nil, err
	}
	return nil, a.change(ask)
}

// change is what only succeeds or fails.
func (a *agent) change(ask *request) error {
	configs := map[string]*string{}
	for name, value := range ask.Configs {
		value := value
		configs[name] = &value
	}
	switch ask.Do {
	case "create":
		return a.admin.CreateTopic(ask.Topic,
			&sarama.TopicDetail{NumPartitions: ask.Partitions, ReplicationFactor: -1, ConfigEntries: configs}, false)
	case "delete":
		return a.admin.DeleteTopic(ask.Topic)
	case "grow":
		return a.admin.CreatePartitions(ask.Topic, ask.Partitions, nil, false)
	case "trim":
		return a.admin.DeleteRecords(ask.Topic, map[int32]int64{ask.Partition: ask.Offset})
	case "set":
		return a.admin.AlterConfig(sarama.TopicResource, ask.Topic, configs, false)
	case "set_one":
		one := sarama.IncrementalAlterConfigsEntry{Operation: sarama.IncrementalAlterConfigsOperationSet, Value: &ask.Value}
		return a.admin.IncrementalAlterConfig(sarama.TopicResource, ask.Topic,
			map[string]sarama.IncrementalAlterConfigsEntry{ask.Key: one}, false)
	}
	return errNoCall
}

func (a *agent) produce(ask *request) (answer, error) {
	name := fmt.Sprint(ask.Codec, ask.Idempotent)
	from, isThere := a.producers[name]
	if !isThere {
		config := settings()
		config.Producer.Compression = codecs[ask.Codec]
		config.Producer.Idempotent = ask.Idempotent
		config.Net.MaxOpenRequests = 1
		client, err := sarama.NewClient(a.brokers, config)
		if err != nil {
			return nil, err
		}
		from.client = client
		from.AsyncProducer, err = sarama.NewAsyncProducerFromClient(client)
		if err != nil {
			return nil, err
		}
		a.producers[name] = from
	}
	// A refresh that joins one under way learns nothing of a topic that is new, and records for it fail at once; so do those
	// for a partition it has not heard of.
	for i := 0; i < 100; i++ {
		known, err := from.client.Partitions(ask.Topic)
		if err == nil && slices.Contains(known, ask.Partition) {
			break
		}
		time.Sleep(50 * time.Millisecond)
		_ = from.client.RefreshMetadata(ask.Topic)
	}
	go func() {
		for i, told := range ask.Records {
			from.Input() <- message(ask, told, i)
			time.Sleep(time.Duration(ask.PaceMs) * time.Millisecond)
		}
	}()
	offsets := make([]int64, len(ask.Records))
	for range ask.Records {
		select {
		case done := <-from.Successes():
			offsets[done.Metadata.(int)] = done.Offset
		case problem := <-from.Errors():
			return nil, problem
		}
	}
	return answer{"offsets": offsets}, nil
}

func message(ask *request, told [4]any, number int) *sarama.ProducerMessage {
	message := &sarama.ProducerMessage{Topic: ask.Topic, Partition: ask.Partition, Metadata: number}
	if told[0] != nil {
		message.Key = sarama.StringEncoder(told[0].(string))
	}
	if told[1] != nil {
		message.Value = sarama.StringEncoder(told[1].(string))
	}
	for _, header := range told[2].([]any) {
		pair := header.([]any)
		message.Headers = append(message.Headers,
			sarama.RecordHeader{Key: []byte(pair[0].(string)), Value: []byte(pair[1].(string))})
	}
	if told[3] != nil {
		message.Timestamp = time.UnixMilli(int64(told[3].(float64)))
	}
	return message
}

func (a *agent) consume(ask *request) (answer, error) {
	from, err := a.reader.ConsumePartition(ask.Topic, ask.Partition, ask.Offset)
	if err != nil {
		return nil, err
	}
	defer from.AsyncClose()
	records := [][5]any{}
	late := time.After(20 * time.Second)
	for len(records) < ask.Count {
		select {
		case record, isOpen := <-from.Messages():
			if !isOpen {
				return answer{"records": records}, nil
			}
			headers := [][2]any{}
			for _, header := range record.Headers {
				headers = append(headers, [2]any{string(header.Key), text(header.Value)})
			}
			records = append(records, [5]any{record.Offset, text(record.Key), text(record.Value), headers, record.Timestamp.UnixMilli()})
		case problem := <-from.Errors():
			// A server that is away is asked again.
			if problem != nil && errors.Is(problem.Err, sarama.ErrOffsetOutOfRange) {
				return nil, problem
			}
		case <-late:
			return answer{"records": records}, nil
		}
	}
	// The partition is free to be consumed again when both channels are closed.
	from.AsyncClose()
	for range from.Messages() {
	}
	return answer{"records": records}, nil
}

func version(module string) string {
	about, _ := debug.ReadBuildInfo()
	for _, dependency := range about.Deps {
		if dependency.Path == module {
			return strings.TrimPrefix(dependency.Version, "v")
		}
	}
	return "?"
}

func text(value []byte) any {
	if value == nil {
		return nil
	}
	return string(value)
}
