// pgxpool driven as pool-bench drives its own pool: a closed loop of goroutines over a bounded pool.
//
// The connection comes from the environment (PGHOST, PGPORT, ...). Prints one JSON object.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math/rand"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/jackc/pgx/v4"
	"github.com/jackc/pgx/v4/pgxpool"
)

type options struct {
	connections, workers int
	seconds              float64
	mode, statement      string
	hasParameter         bool
	returnsParameter     bool
	minimum, maximum     int
	seed                 int64
}

type outcome struct {
	Operations int64   `json:"operations"`
	Seconds    float64 `json:"seconds"`
	CPUSeconds float64 `json:"cpu_seconds"`
	Errors     int64   `json:"errors"`
	FirstError string  `json:"first_error,omitempty"`
}

var errWrongAnswer = errors.New("wrong answer")

func main() {
	var o options
	flag.IntVar(&o.connections, "connections", 16, "connections of the pool")
	flag.IntVar(&o.workers, "workers", 16, "goroutines")
	flag.Float64Var(&o.seconds, "seconds", 1, "how long to run")
	flag.StringVar(&o.mode, "mode", "exclusive", "idle, exclusive, statement or transaction")
	flag.StringVar(&o.statement, "statement", "select $1::int", "the statement")
	flag.BoolVar(&o.hasParameter, "parameter", true, "whether the statement has $1")
	flag.BoolVar(&o.returnsParameter, "check", true, "whether it returns its parameter")
	flag.IntVar(&o.minimum, "minimum", 1, "the smallest parameter")
	flag.IntVar(&o.maximum, "maximum", 1000000, "the largest parameter")
	flag.Int64Var(&o.seed, "seed", 0, "seed of the random parameters")
	flag.Parse()
	result, err := run(context.Background(), o)
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(result)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) (outcome, error) {
	config, err := pgxpool.ParseConfig("")
	if err != nil {
		return outcome{}, err
	}
	config.MaxConns = int32(o.connections)
	pool, err := pgxpool.ConnectConfig(ctx, config)
	if err != nil {
		return outcome{}, err
	}
	defer pool.Close()
	if err := warmUp(ctx, pool, o); err != nil {
		return outcome{}, err
	}
	return measure(ctx, pool, o), nil
}

// warmUp opens every connection, so that the measured time begins with a full pool.
func warmUp(ctx context.Context, pool *pgxpool.Pool, o options) error {
	for i := 0; i < o.connections; i++ {
		connection, err := pool.Acquire(ctx)
		if err != nil {
			return err
		}
		defer connection.Release()
	}
	return nil
}

func measure(ctx context.Context, pool *pgxpool.Pool, o options) outcome {
	var result outcome
	var group sync.WaitGroup
	var mutex sync.Mutex
	cpu, began := cpuSeconds(), time.Now()
	deadline := began.Add(time.Duration(o.seconds * float64(time.Second)))
	for worker := 0; worker < o.workers; worker++ {
		group.Add(1)
		go func(worker int) {
			defer group.Done()
			operations, failures, first := work(ctx, pool, o, worker, deadline)
			atomic.AddInt64(&result.Operations, operations)
			atomic.AddInt64(&result.Errors, failures)
			if first != nil {
				mutex.Lock()
				result.FirstError = first.Error()
				mutex.Unlock()
			}
		}(worker)
	}
	group.Wait()
	result.Seconds = time.Since(began).Seconds()
	result.CPUSeconds = cpuSeconds() - cpu
	return result
}

// work repeats the operation until the deadline. In idle mode the clock is read once in 256
// operations, as pool-bench does it.
func work(
	ctx context.Context, pool *pgxpool.Pool, o options, worker int, deadline time.Time,
) (operations, failures int64, first error) {
	random := rand.New(rand.NewSource(o.seed + int64(worker)))
	batch := 1
	if o.mode == "idle" {
		batch = 256
	}
	for time.Now().Before(deadline) {
		for i := 0; i < batch; i++ {
			parameter := int32(o.minimum + random.Intn(o.maximum-o.minimum+1))
			if err := operate(ctx, pool, &o, parameter); err != nil {
				failures++
				if first == nil {
					first = err
				}
			} else {
				operations++
			}
		}
	}
	return operations, failures, first
}

type querier interface {
	Query(ctx context.Context, sql string, arguments ...interface{}) (pgx.Rows, error)
}

func operate(ctx context.Context, pool *pgxpool.Pool, o *options, parameter int32) error {
	switch o.mode {
	case "statement":
		return query(ctx, pool, o, parameter)
	case "transaction":
		return pool.BeginFunc(ctx, func(transaction pgx.Tx) error {
			return query(ctx, transaction, o, parameter)
		})
	}
	connection, err := pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer connection.Release()
	if o.mode == "idle" {
		return nil
	}
	return query(ctx, connection, o, parameter)
}

func query(ctx context.Context, target querier, o *options, parameter int32) error {
	var rows pgx.Rows
	var err error
	if o.hasParameter {
		rows, err = target.Query(ctx, o.statement, parameter)
	} else {
		rows, err = target.Query(ctx, o.statement)
	}
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if !o.returnsParameter {
			continue
		}
		var answer int32
		if err := rows.Scan(&answer); err != nil {
			return err
		}
		if answer != parameter {
			return errWrongAnswer
		}
	}
	return rows.Err()
}

func cpuSeconds() float64 {
	var usage syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &usage) != nil {
		return 0
	}
	seconds := func(t syscall.Timeval) float64 { return float64(t.Sec) + float64(t.Usec)/1e6 }
	return seconds(usage.Utime) + seconds(usage.Stime)
}
