#!/usr/bin/env python3
"""A bad link between two networks, for kernels without netem.

    link-emulator.py NETNS NETNS SEED

Makes a TAP device "line" in each of two network namespaces and hands every Ethernet frame of one to the other, after a delay,
or not at all. The kernel hands over frames as they would go out on a wire: cut to the MTU, checksums filled in. So the TCP
of both sides meets real loss and real delay, and answers with its own retransmissions.

Lines on standard input, each answered by one line:

    set DELAY_MS LOSS     each frame is delayed by this, and lost with this probability; the same both ways
    cut                   everything is lost, silently, until the next "set"
    counts                frames and bytes that passed, frames that were lost, frames dropped because too many were waiting

Ends with its input.
"""

import ctypes
import fcntl
import heapq
import os
import random
import select
import struct
import sys
import time

TUNSETIFF = 0x400454CA
IFF_TAP = 0x0002
IFF_NO_PI = 0x1000
CLONE_NEWNET = 0x40000000
FRAME_BYTES_MAX = 65536
# What a router of such a line would hold back at most.
WAITING_MAX = 20_000


def open_tap(netns):
    libc = ctypes.CDLL(None, use_errno=True)
    with open(f"/run/netns/{netns}") as place:
        if libc.setns(place.fileno(), CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), f"setns {netns}")
    tap = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(tap, TUNSETIFF, struct.pack("16sH22x", b"line", IFF_TAP | IFF_NO_PI))
    return tap


class Link:
    def __init__(self, taps, seed):
        self.far_end = {taps[0]: taps[1], taps[1]: taps[0]}
        self.random = random.Random(seed)
        self.delay = 0.0
        self.loss = 0.0
        self.waiting = []
        self.number = 0
        self.counts = {"frames": 0, "bytes": 0, "lost": 0, "dropped": 0}

    def take(self, tap):
        """Everything that one side has sent."""
        while True:
            try:
                frame = os.read(tap, FRAME_BYTES_MAX)
            except BlockingIOError:
                return
            if self.random.random() < self.loss:
                self.counts["lost"] += 1
            elif len(self.waiting) >= WAITING_MAX:
                self.counts["dropped"] += 1
            else:
                self.number += 1
                due = time.monotonic() + self.delay
                heapq.heappush(self.waiting, (due, self.number, self.far_end[tap], frame))

    def deliver(self):
        """Hands over what is due; seconds until the next is, None when nothing waits."""
        while self.waiting:
            due, _, tap, frame = self.waiting[0]
            left = due - time.monotonic()
            if left > 0:
                return left
            heapq.heappop(self.waiting)
            try:
                os.write(tap, frame)
                self.counts["frames"] += 1
                self.counts["bytes"] += len(frame)
            except OSError:
                self.counts["dropped"] += 1
        return None

    def command(self, words):
        if words[0] == "set":
            self.delay = float(words[1]) / 1000
            self.loss = float(words[2])
        elif words[0] == "cut":
            self.loss = 1.0
            self.counts["lost"] += len(self.waiting)
            self.waiting.clear()
        elif words[0] != "counts":
            raise SystemExit(f"unknown command: {words}")
        return " ".join(f"{name}={count}" for name, count in self.counts.items())


def main():
    taps = [open_tap(netns) for netns in sys.argv[1:3]]
    link = Link(taps, int(sys.argv[3]))
    print("ready", flush=True)
    text = b""
    while True:
        readable, _, _ = select.select([sys.stdin, *taps], [], [], link.deliver())
        for tap in taps:
            if tap in readable:
                link.take(tap)
        if sys.stdin in readable:
            more = os.read(sys.stdin.fileno(), 4096)
            if not more:
                return
            *lines, text = (text + more).split(b"\n")
            for line in lines:
                print(link.command(line.decode().split()), flush=True)


main()
