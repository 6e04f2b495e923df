//! The group-by of bench/micro/fold.c, kept up by dbsp: what `bench/run fold` has beside ours.
//!
//!     fold_dbsp KEYS int|real
//!
//! All keys are put in once, in ticks of 10,000 rows. Then each line of the input, a number of
//! ticks, is answered by a line: nanoseconds of processor time that these ticks took (of all
//! threads: one worker, and what merges beside it), and the sum over all rows of the view of count,
//! sum and max, by which both sides see that they did the same. Rows are drawn from the generator
//! of base/prng.h, from the same seed; drawing them is not counted.
//!
//! The program is the best that dbsp has for rows that are only ever added: one state for each key,
//! brought up to date from the one before (`chain_aggregate`).
use dbsp::algebra::F64;
use dbsp::circuit::CircuitConfig;
use dbsp::dynamic::DowncastTrait;
use dbsp::mimalloc::MiMalloc;
use dbsp::trace::{BatchReader as _, Cursor};
use dbsp::utils::{Tup2, Tup3};
use dbsp::{BatchReader as _, DBData, DBSPHandle, IndexedZSetHandle, Runtime, ZWeight};
use std::io::{BufRead, Write};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::Arc;

#[global_allocator]
static ALLOC: MiMalloc = MiMalloc;

const TICK_ROWS: u64 = 10_000;

/// xoshiro256**, seeded through splitmix64.
struct Prng([u64; 4]);

impl Prng {
    fn new(mut seed: u64) -> Self {
        Prng(std::array::from_fn(|_| {
            seed = seed.wrapping_add(0x9e3779b97f4a7c15);
            let z = (seed ^ (seed >> 30)).wrapping_mul(0xbf58476d1ce4e5b9);
            let z = (z ^ (z >> 27)).wrapping_mul(0x94d049bb133111eb);
            z ^ (z >> 31)
        }))
    }

    fn next(&mut self) -> u64 {
        let s = &mut self.0;
        let result = s[1].wrapping_mul(5).rotate_left(7).wrapping_mul(9);
        let t = s[1] << 17;
        s[2] ^= s[0];
        s[3] ^= s[1];
        s[1] ^= s[2];
        s[0] ^= s[3];
        s[2] ^= t;
        s[3] = s[3].rotate_left(45);
        result
    }

    fn below(&mut self, n: u64) -> u64 {
        let mut product = self.next() as u128 * n as u128;
        if (product as u64) < n {
            let surplus = n.wrapping_neg() % n;
            while (product as u64) < surplus {
                product = self.next() as u128 * n as u128;
            }
        }
        (product >> 64) as u64
    }
}

/// What the view has of a key: count, sum, max.
type Int = Tup3<i64, i64, i64>;
type Real = Tup3<i64, F64, i64>;

/// A view at work. Rows are (key, value): of `real`, the value is the double and the whole number.
struct View<V: DBData> {
    circuit: DBSPHandle,
    input: IndexedZSetHandle<i64, V>,
    total: Arc<AtomicI64>,
}

fn view<V, A>(
    init: fn(&V, ZWeight) -> A,
    step: fn(A, &V, ZWeight) -> A,
    weigh: fn(&A) -> i64,
) -> View<V>
where
    V: DBData,
    A: DBData,
{
    let total = Arc::new(AtomicI64::new(0));
    let told = total.clone();
    let (circuit, input) = Runtime::init_circuit(CircuitConfig::with_workers(1), move |circuit| {
        let told = told.clone();
        let (rows, input) = circuit.add_input_indexed_zset::<i64, V>();
        rows.chain_aggregate(init, step).inspect(move |changes| {
            let mut sum = 0;
            let mut cursor = changes.inner().cursor();
            while cursor.key_valid() {
                while cursor.val_valid() {
                    let weight: ZWeight = **cursor.weight();
                    sum += weight * weigh(unsafe { cursor.val().downcast::<A>() });
                    cursor.step_val();
                }
                cursor.step_key();
            }
            told.fetch_add(sum, Ordering::Relaxed);
        });
        Ok(input)
    })
    .expect("the circuit");
    View {
        circuit,
        input,
        total,
    }
}

fn cpu_ns(clock: libc::clockid_t) -> u64 {
    let mut at = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    assert_eq!(unsafe { libc::clock_gettime(clock, &mut at) }, 0);
    at.tv_sec as u64 * 1_000_000_000 + at.tv_nsec as u64
}

/// Load, then serve.
fn serve<V: DBData>(mut view: View<V>, keys_count: u64, make: fn(i64, i64) -> V) {
    let mut prng = Prng::new(1);
    let mut tick = |first: Option<u64>| {
        let before_ns = cpu_ns(libc::CLOCK_THREAD_CPUTIME_ID);
        let mut rows: Vec<Tup2<i64, Tup2<V, ZWeight>>> = (0..TICK_ROWS)
            .map(|i| {
                let key = prng.below(keys_count) as i64;
                let value = prng.below(1_000_000) as i64;
                let cents = prng.below(1_000_000) as i64;
                let key = first.map_or(key, |first| ((first + i) % keys_count) as i64);
                Tup2(key, Tup2(make(value, cents), 1))
            })
            .collect();
        let made_ns = cpu_ns(libc::CLOCK_THREAD_CPUTIME_ID) - before_ns;
        view.input.append(&mut rows);
        view.circuit.transaction().expect("a tick");
        made_ns
    };
    for first in (0..keys_count).step_by(TICK_ROWS as usize) {
        tick(Some(first));
    }
    for line in std::io::stdin().lock().lines() {
        let ticks_count: u64 = line.expect("a line").trim().parse().expect("a number");
        let before_ns = cpu_ns(libc::CLOCK_PROCESS_CPUTIME_ID);
        let made_ns: u64 = (0..ticks_count).map(|_| tick(None)).sum();
        let spent_ns = cpu_ns(libc::CLOCK_PROCESS_CPUTIME_ID) - before_ns - made_ns;
        println!("{} {}", spent_ns, view.total.load(Ordering::Relaxed));
        std::io::stdout().flush().expect("stdout");
    }
}

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let keys_count: u64 = args[1].parse().expect("KEYS");
    match args[2].as_str() {
        "int" => serve(
            view::<i64, Int>(
                |v, w| Tup3(w, *v * w, *v),
                |a, v, w| Tup3(a.0 + w, a.1 + *v * w, a.2.max(*v)),
                |a| a.0 + a.1 + a.2,
            ),
            keys_count,
            |value, _| value,
        ),
        "real" => serve(
            view::<Tup2<F64, i64>, Real>(
                |v, w| Tup3(w, v.0 * F64::from(w as f64), v.1),
                |a, v, w| Tup3(a.0 + w, a.1 + v.0 * F64::from(w as f64), a.2.max(v.1)),
                |a| a.0 + a.2,
            ),
            keys_count,
            |value, cents| Tup2(F64::from(cents as f64 / 100.0), value),
        ),
        other => panic!("neither int nor real: {other}"),
    }
}
