#!/usr/bin/env python3
"""What bench/peers computes without a broker: bars, medians, turns, saturation, the requests it writes by hand."""
import os
import struct
import sys
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent.parent / "bench" / "peers"))
import harness  # noqa: E402  (the path above leads to it)
import wire  # noqa: E402


class Rows(unittest.TestCase):
    def test_a_bar_with_the_unit_judges_the_value_any_other_the_ratio(self):
        for bar, value, unit, ratio, want in (
                (None, 1, "s", 1, None),
                ("< 100 ms", 99.9, "ms", 0.1, True), ("< 100 ms", 100, "ms", 9, False),
                ("<= 40 MiB", 40, "MiB", 0, True), (">= 5 x", 4.99, "x", None, False),
                (">= 2", 0, "records/s", 2, True), (">= 1.5", 9, "records/s", 1.49, False),
                ("< 1 % of a core", 0.5, "% of a core", 0, True), ("> 3", 9, "us", 3, False)):
            self.assertIs(harness.judged(bar, value, unit, ratio), want, (bar, value, ratio))

    def test_a_bar_of_another_unit_or_of_nothing_is_refused(self):
        for bar in ("< 100 s", "100 ms", "= 1 ms", "about 3"):
            with self.assertRaises((ValueError, AttributeError), msg=bar):
                harness.judged(bar, 1, "ms", 1)

    def test_the_first_place_alternates(self):
        self.assertEqual([harness.in_turns("ok", run) for run in range(3)], [["o", "k"], ["k", "o"], ["o", "k"]])

    def test_a_median_was_measured_and_a_mean_is_of_ratios(self):
        self.assertEqual(harness.median([9, 1, 5]), 5)
        self.assertEqual(harness.median([1, 2, 3, 4]), 2)
        self.assertAlmostEqual(harness.geometric_mean([2, 8]), 4)
        self.assertAlmostEqual(harness.geometric_mean([0.5, 2, 1]), 1)


class Windows(unittest.TestCase):
    def test_idle_time_is_idle_and_waiting_for_disks(self):
        idle, total = harness.machine_times("cpu  100 20 30 400 50 6 7 8 9 10\ncpu0 1 2\n")
        self.assertAlmostEqual(idle, 450 * harness.TICK_S)
        self.assertAlmostEqual(total, 621 * harness.TICK_S)  # a guest's time is in the user's already

    def test_a_thread_may_have_any_name(self):
        comm = Path("/proc/self/comm")
        name = comm.read_text()
        try:
            comm.write_text("a) R 1 (b")
            times = harness.thread_times(os.getpid())
        finally:
            comm.write_text(name.strip())
        self.assertLess(abs(times[str(os.getpid())] - time.process_time()), 0.5)

    def test_the_machine_is_named_before_the_client(self):
        for client, machine, want in ((0.5, 0.5, "neither"), (0.96, 0.5, "client"), (0.5, 0.97, "machine"),
                                      (0.99, 0.99, "machine")):
            window = harness.Window.__new__(harness.Window)
            window.client_share, window.machine_share = client, machine
            self.assertEqual(window.saturated(), want)


class Wire(unittest.TestCase):
    def test_crc32c_is_that_of_rfc_3720(self):
        for data, want in ((b"", 0), (b"123456789", 0xE3069283), (bytes(32), 0x8A9136AA),
                           (b"\xff" * 32, 0x62A8AB43), (bytes(range(32)), 0x46DD794E)):
            self.assertEqual(wire.crc32c(data), want)

    def test_a_batch_holds_its_record_under_its_checksum(self):
        batch = wire.batch(b"hello")
        offset, size, epoch, magic, crc = struct.unpack_from(">qiibI", batch)
        self.assertEqual((offset, size, epoch, magic), (0, len(batch) - 12, -1, 2))
        self.assertEqual(crc, wire.crc32c(batch[21:]))
        attributes, last, first_ms, last_ms, producer, _epoch, _sequence, count = struct.unpack_from(">hiqqqhii",
                                                                                                    batch, 21)
        self.assertEqual((attributes, last, producer, count), (0, 0, -1, 1))
        self.assertEqual(first_ms, last_ms)
        self.assertEqual(batch[61:], bytes([22, 0, 0, 0, 1, 10]) + b"hello\0")  # zigzag: 11 bytes, no key, 5 bytes

    def test_a_value_too_long_for_one_byte_is_refused(self):
        self.assertEqual(len(wire.batch(b"x" * 49)), 61 + 56)
        with self.assertRaises(ValueError):
            wire.batch(b"x" * 50)

    def test_fields_are_read_as_they_are_written(self):
        data = wire.array([wire.text("a"), wire.text("ü"), wire.text(None)]) + struct.pack(">q", -7)
        reader = wire.Reader(data)
        self.assertEqual([reader.text() for _ in range(reader.int32())], ["a", "ü", None])
        self.assertEqual(reader.int64(), -7)
        with self.assertRaises(struct.error):
            reader.int8()


if __name__ == "__main__":
    unittest.main(verbosity=2)
