# SPDX-License-Identifier: BSD-2-Clause
"""Reads the output of plugin.c, and attributes the instructions to functions."""

import bisect
import collections
import re
import subprocess

# (kind, pattern of functions' names), of which the first match decides.  The kind of a function
# in a module is the module's name.
FREEBSD = [
    ("scheduler", r"sched_|mi_switch|cpu_switch|tdq_|runq_|sleepq|wakeup|_sleep|msleep|turnstile|"
     r"thread_lock|thread_unlock|ule_|cpu_idle|fork_exit|maybe_preempt|critical_|ast|swi_sched|"
     r"taskqueue|gtaskqueue|smp_|ipi_|umtx|callout|softclock|hardclock|statclock|tc_|timercb|"
     r"getnextcpuevent|handleevents|cpu_initclocks|lapic_et|hpet|et_|kern_clock|loadtimer|"
     r"cpu_new_callout|get_cyclecount|binuptime|sbinuptime|rdtsc|tsc_|intr_event|ithread|intr_|"
     r"lapic|native_lapic|atrtc|Xapic|Xtimer|isr|doreti|alltraps|calltrap|msix?_"),
    ("locks, memory", r"__mtx|_mtx|mtx_|__rw|_rw|rm_|rw_|sx_|_sx|lock_|uma|zone_|slab|malloc|free|"
     r"item_|cache_|mem|bcopy|bzero|epoch|ck_|refcount|counter_|atomic_|smr|m_free|pmap|vm_|"
     r"kmem|critical|spinlock"),
    ("virtio", r"vtnet|virtqueue|vtpci|vq_|virtio|vtbd"),
    ("network", r"ether|if_|m_|mb_|sb|so|tcp|ip_|in_|pfil|netisr|nhop|cc_|cubic|bridge|arp|mac_|"
     r"sglist|vnet|inpcb|icl|lro|bpf|random_harvest"),
    ("block", r"g_|bio|dev|phys|disk|cam|xpt|da|scsi|md|vnode|vn_|aio|cdev|giant|dastart|ada|"
     r"xs_|probe|iscsi|maybe|getpbuf|relpbuf|vmapbuf|vunmapbuf|unmapped"),
    ("system calls", r"sys_|kern_|dofile|amd64_syscall|syscall|fast_syscall|fget|uio|copyin|"
     r"copyout|cap_|knote|user|Xfast|set_|fo_|trap|ast|fd|_f"),
]
LINUX = [
    ("scheduler", r"psi_|__schedule|schedule|.*_fair$|.*load_avg|update_|.*queue_(task|entity)|"
     r"try_to_wake|ttwu_|pick_|put_prev|set_next|check_preempt|place_|__calc_|.*sched_|sched|"
     r"__switch|finish_task|switch_|record_times|reweight|cpuacct|__wake|wake|default_wake|"
     r"autoremove|woken|swake|prepare_to|finish_|add_wait|kthread|resched|preempt|dynamic_preempt|"
     r"select_|avail|rb_|__rb_|kick_|hrtimer|__hrtimer|tick|timer|clockevents|cpuidle|do_idle|"
     r"default_idle|menu|rcu|irq|__irq|handle_|do_softirq|__do_softirq|apic|sysvec|asm_|common_int|"
     r"ktime|raise_softirq|idle|nohz|cpu_|ct_|read_tsc|native_|pv_|__next|lock_timer|run_|calc_"),
    ("locks, memory", r"_raw|__list|kmem|kmalloc|kfree|__kmalloc|slab|___slab|__slab|mempool|mem|"
     r"__mem|mutex|__mutex|down_|up_|queued|get_page|.*alloc|free_|page|__page|put_page|list|llist|"
     r"dma|__dma|find_|bitmap|radix|xa|refcount"),
    ("network", r"__netif|netif|dev_|__dev|napi|__napi|eth|skb|__skb|__alloc_skb|kfree_skb|"
     r"consume|net_|sch_|pfifo|.*qdisc|gro|validate|packet|build_skb|bql|dql|harmonize|deliver|"
     r"process_backlog|sock|__copy_skb|passthru|__build"),
    ("virtio", r"virt|vring|vp_|vq_|start_xmit|receive_|xmit|vdev"),
    ("block", r"blk|bio|__bio|dd_|sbitmap|__sbitmap|elv|submit|__submit|rq_|wbt|disk|part|bdev|"
     r"bvec|null_|should_|iov|__iov|gup|.*user_pages|iomap|dio|__rq"),
]


class Symbols:
    """Addresses and names of the functions in the guest's kernel."""

    def __init__(self, kinds):
        self.kinds = [(name, re.compile(f"(?:{pattern})")) for name, pattern in kinds]
        self.entries = []

    def add_nm(self, file, base=0, module=""):
        """Adds the functions of an object that is loaded at `base`."""
        listing = subprocess.run(["nm", str(file)], capture_output=True, text=True, check=True)
        for line in listing.stdout.splitlines():
            words = line.split()
            if len(words) == 3 and words[1] in "tTwW":
                self.entries.append((base + int(words[0], 16), words[2], module))

    def add(self, address, name, module=""):
        """Adds one function."""
        self.entries.append((address, name, module))

    def close(self):
        """Sorts the functions; must be called after the last is added."""
        self.entries.sort()
        self.addresses = [entry[0] for entry in self.entries]

    def find(self, address):
        """(name, module) of the function at an address."""
        if address < 1 << 63:
            return "user", "user"
        index = bisect.bisect_right(self.addresses, address) - 1
        if index < 0:
            return "?", ""
        return self.entries[index][1:]

    def kind(self, name, module):
        """The kind of a function."""
        if module:
            return module
        for kind, pattern in self.kinds:
            if pattern.match(name):
                return kind
        return "other"


class Window:
    """The instructions executed between two marks."""

    def __init__(self, file):
        self.blocks = []
        for line in file.read_text().splitlines():
            address, instructions, executions = line.split()
            self.blocks.append((int(address, 16), int(instructions) * int(executions)))

    @property
    def total(self):
        """The number of all instructions."""
        return sum(spent for _, spent in self.blocks)

    def functions(self, symbols):
        """Counter of instructions by (function, module)."""
        by = collections.Counter()
        for address, spent in self.blocks:
            by[symbols.find(address)] += spent
        return by

    def kinds(self, symbols):
        """Counter of instructions by kind of function."""
        by = collections.Counter()
        for (name, module), spent in self.functions(symbols).items():
            by[symbols.kind(name, module)] += spent
        return by
