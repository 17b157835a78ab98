"""What the figures were measured on."""
import os
import pathlib
import re
import subprocess
import time

SETS = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16", "amx_int8")


def cpuinfo(key):
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith(key):
            return line.split(":", 1)[1].strip()
    return ""


def memory_gb():
    return int(re.search(r"MemTotal:\s+(\d+)", pathlib.Path("/proc/meminfo").read_text())[1]) / 2**20


def slug(isa):
    """cpu-NAME, with the widest instruction set in use."""
    flags = cpuinfo("flags").split()
    widest = isa or ("avx512" if "avx512f" in flags else "avx2" if "avx2" in flags else "baseline")
    name = re.sub(r"\((r|tm)\)|cpu|processor", " ", cpuinfo("model name").lower())
    return "cpu-" + re.sub(r"[^a-z0-9.]+", "-", f"{name} {widest}").strip("-")


def describe(root):
    version = subprocess.run(["git", "-C", str(root), "describe", "--always", "--dirty"], capture_output=True, text=True).stdout.strip()
    flags = cpuinfo("flags").split()
    return {
        "cpu": cpuinfo("model name"),
        "family_model": f"{cpuinfo('cpu family')}/{cpuinfo('model')}",
        "sets": [s for s in SETS if s in flags],
        "cores": os.cpu_count(),
        "memory_gb": round(memory_gb(), 1),
        "system": f"{os.uname().sysname} {os.uname().release.partition('-')[0]}",
        "load_before": os.getloadavg()[0],
        "date": time.strftime("%Y-%m-%d"),
        "engine": version,
    }
