// franz-go, as the driver wants its clients.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
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

const metadataMinAge = 20 * time.Millisecond

var errNoCall = errors.New("no such call")

var codecs = map[string]kgo.CompressionCodec{"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(),
	"snappy": kgo.SnappyCompression(), "lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression()}

type agent struct {
	common    []kgo.Opt
	producers map[string]*kgo.Client
	reader    *kgo.Client
	admin     *kadm.Client
}

func main() {
	common := []kgo.Opt{kgo.SeedBrokers(os.Args[1]), kgo.AllowAutoTopicCreation(), kgo.MetadataMaxAge(time.Second),
		kgo.MetadataMinAge(metadataMinAge), kgo.RetryBackoffFn(func(int) time.Duration { return 50 * time.Millisecond })}
	client, err := kgo.NewClient(common...)
	if err != nil {
		panic(err)
	}
	a := &agent{common: common, producers: map[string]*kgo.Client{}, admin: kadm.NewClient(client)}
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
		ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
		told, err := a.answer(ctx, &ask)
		cancel()
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

func (a *agent) answer(ctx context.Context, ask *request) (answer, error) {
	switch ask.Do {
	case "hello":
		return answer{"client": "franz-go " + version("github.com/twmb/franz-go"), "lacks": []string{}}, nil
	case "produce":
		return a.produce(ctx, ask)
	case "consume":
		return a.consume(ctx, ask)
	case "time":
		return a.time(ctx, ask)
	case "ends":
		return a.ends(ctx, ask)
	case "topics":
		return a.topics(ctx)
	case "configs":
		return a.configs(ctx, ask)
	case "cluster":
		told, err := a.admin.BrokerMetadata(ctx)
		return answer{"id": told.Cluster, "nodes": len(told.Brokers), "asks": "Metadata"}, err
	case "group":
		return a.group(ctx, ask)
	case "transaction":
		return a.transaction(ctx, ask)
	}
	return nil, a.change(ctx, ask)
}

// change is what only succeeds or fails.
func (a *agent) change(ctx context.Context, ask *request) error {
	configs := map[string]*string{}
	var all []kadm.AlterConfig
	for name, value := range ask.Configs {
		value := value
		configs[name] = &value
		all = append(all, kadm.AlterConfig{Name: name, Value: &value})
	}
	switch ask.Do {
	case "create":
		_, err := a.admin.CreateTopic(ctx, ask.Partitions, -1, configs, ask.Topic)
		return err
	case "delete":
		// What is made under its name again has another id, to which these clients do not go by themselves.
		for _, client := range a.producers {
			client.PurgeTopicsFromClient(ask.Topic)
		}
		if a.reader != nil {
			a.reader.PurgeTopicsFromClient(ask.Topic)
		}
		_, err := a.admin.DeleteTopic(ctx, ask.Topic)
		return err
	case "grow":
		told, err := a.admin.UpdatePartitions(ctx, int(ask.Partitions), ask.Topic)
		return first(err, told[ask.Topic].Err)
	case "trim":
		var to kadm.Offsets
		to.AddOffset(ask.Topic, ask.Partition, ask.Offset, -1)
		told, err := a.admin.DeleteRecords(ctx, to)
		return first(err, told.Error())
	case "set":
		told, err := a.admin.AlterTopicConfigsState(ctx, all, ask.Topic)
		return altered(told, err)
	case "set_one":
		one := []kadm.AlterConfig{{Op: kadm.SetConfig, Name: ask.Key, Value: &ask.Value}}
		told, err := a.admin.AlterTopicConfigs(ctx, one, ask.Topic)
		return altered(told, err)
	}
	return errNoCall
}

func (a *agent) produce(ctx context.Context, ask *request) (answer, error) {
	name := fmt.Sprint(ask.Codec, ask.Idempotent)
	if a.producers[name] == nil {
		options := append([]kgo.Opt{kgo.ProducerBatchCompression(codecs[ask.Codec]), kgo.ProducerLinger(20 * time.Millisecond),
			kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.RequiredAcks(kgo.AllISRAcks())}, a.common...)
		if !ask.Idempotent {
			options = append(options, kgo.DisableIdempotentWrite(), kgo.MaxProduceRequestsInflightPerBroker(1))
		}
		client, err := kgo.NewClient(options...)
		if err != nil {
			return nil, err
		}
		a.producers[name] = client
	}
	if ask.Partition > 0 { // records for a partition it has not heard of are refused
		a.producers[name].ForceMetadataRefresh()
		time.Sleep(10 * metadataMinAge)
	}
	records := make([]*kgo.Record, 0, len(ask.Records))
	failed := make(chan error, len(ask.Records))
	for _, told := range ask.Records {
		record := &kgo.Record{Topic: ask.Topic, Partition: ask.Partition, Key: bytes(told[0]), Value: bytes(told[1])}
		for _, header := range told[2].([]any) {
			pair := header.([]any)
			record.Headers = append(record.Headers, kgo.RecordHeader{Key: pair[0].(string), Value: bytes(pair[1])})
		}
		if told[3] != nil {
			record.Timestamp = time.UnixMilli(int64(told[3].(float64)))
		}
		records = append(records, record)
		a.producers[name].Produce(ctx, record, func(_ *kgo.Record, err error) { failed <- err })
		time.Sleep(time.Duration(ask.PaceMs) * time.Millisecond)
	}
	offsets := []int64{}
	for range records {
		if err := <-failed; err != nil {
			return nil, err
		}
	}
	for _, record := range records {
		offsets = append(offsets, record.Offset)
	}
	return answer{"offsets": offsets}, nil
}

func (a *agent) consume(ctx context.Context, ask *request) (answer, error) {
	if a.reader == nil {
		options := append([]kgo.Opt{kgo.ConsumeResetOffset(kgo.NoResetOffset()), kgo.FetchMaxWait(200 * time.Millisecond)}, a.common...)
		client, err := kgo.NewClient(options...)
		if err != nil {
			return nil, err
		}
		a.reader = client
	}
	where := map[string][]int32{ask.Topic: {ask.Partition}}
	a.reader.AddConsumePartitions(map[string]map[int32]kgo.Offset{ask.Topic: {ask.Partition: kgo.NewOffset().At(ask.Offset)}})
	defer a.reader.RemoveConsumePartitions(where)
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	records := [][5]any{}
	for len(records) < ask.Count && ctx.Err() == nil {
		fetches := a.reader.PollFetches(ctx)
		for _, problem := range fetches.Errors() {
			if ctx.Err() == nil {
				return nil, problem.Err
			}
		}
		fetches.EachRecord(func(record *kgo.Record) {
			if len(records) == ask.Count {
				return
			}
			headers := [][2]any{}
			for _, header := range record.Headers {
				headers = append(headers, [2]any{header.Key, text(header.Value)})
			}
			records = append(records, [5]any{record.Offset, text(record.Key), text(record.Value), headers, record.Timestamp.UnixMilli()})
		})
	}
	return answer{"records": records}, nil
}

func (a *agent) time(ctx context.Context, ask *request) (answer, error) {
	found, err := a.admin.ListOffsetsAfterMilli(ctx, ask.Time, ask.Topic)
	if err != nil {
		return nil, err
	}
	one, _ := found.Lookup(ask.Topic, ask.Partition)
	return answer{"offset": one.Offset}, one.Err
}

func (a *agent) ends(ctx context.Context, ask *request) (answer, error) {
	starts, err := a.admin.ListStartOffsets(ctx, ask.Topic)
	if err != nil {
		return nil, err
	}
	ends, err := a.admin.ListEndOffsets(ctx, ask.Topic)
	if err != nil {
		return nil, err
	}
	start, _ := starts.Lookup(ask.Topic, ask.Partition)
	end, _ := ends.Lookup(ask.Topic, ask.Partition)
	return answer{"first": start.Offset, "end": end.Offset}, first(start.Err, end.Err)
}

func (a *agent) topics(ctx context.Context) (answer, error) {
	// All topics come from a cache, and what was changed is missing in it until it is as old as this.
	time.Sleep(metadataMinAge)
	listed, err := a.admin.ListTopics(ctx)
	counts := map[string]int{}
	for name, topic := range listed {
		counts[name] = len(topic.Partitions)
	}
	return answer{"topics": counts}, err
}

func (a *agent) configs(ctx context.Context, ask *request) (answer, error) {
	told, err := a.admin.DescribeTopicConfigs(ctx, ask.Topic)
	if err != nil {
		return nil, err
	}
	configs := map[string]any{}
	for _, entry := range told[0].Configs {
		configs[entry.Key] = entry.Value
	}
	return answer{"configs": configs}, told[0].Err
}

func (a *agent) group(ctx context.Context, ask *request) (answer, error) {
	options := append([]kgo.Opt{kgo.ConsumerGroup("a-group"), kgo.ConsumeTopics(ask.Topic)}, a.common...)
	client, err := kgo.NewClient(options...)
	if err != nil {
		return nil, err
	}
	defer client.CloseAllowingRebalance()
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	return nil, client.PollFetches(ctx).Err()
}

func (a *agent) transaction(ctx context.Context, ask *request) (answer, error) {
	client, err := kgo.NewClient(append([]kgo.Opt{kgo.TransactionalID("a-transaction")}, a.common...)...)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	if err := client.BeginTransaction(); err != nil {
		return nil, err
	}
	return nil, client.ProduceSync(ctx, &kgo.Record{Topic: ask.Topic}).FirstErr()
}

func altered(told kadm.AlterConfigsResponses, err error) error {
	if err != nil {
		return err
	}
	if told[0].Err != nil {
		return fmt.Errorf("%w: %s", told[0].Err, told[0].ErrMessage)
	}
	return nil
}

func first(problems ...error) error {
	for _, problem := range problems {
		if problem != nil {
			return problem
		}
	}
	return nil
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

func bytes(value any) []byte {
	if value == nil {
		return nil
	}
	return []byte(value.(string))
}

func text(value []byte) any {
	if value == nil {
		return nil
	}
	return string(value)
}
