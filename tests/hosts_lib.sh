# Helpers of script tests that need several hosts: sourced by them. Each host is a network, mount and UTS
# namespace on a bridge; all of them, and whatever runs there, end with the script.
#
#   host_add NAME [BRIDGE]    a host, reached by this name; its interface is eth0, its rate $rate both ways
#   host_run NAME COMMAND...  there
#   host_out NAME RATE        what it sends goes at most this fast; host_in: what it gets
#   host_unplug NAME          nothing reaches it any more
#   host_processes NAME WORD  pids there whose first word is WORD
#   bridge_add NAME RATE      a bridge behind the first one, over a link of this rate; bridge_rate changes it
#
# $FIRSTLIGHT_SSH reaches the hosts; each has a cache and a state folder of its own.
PATH=$PATH:/usr/sbin:/sbin
skip() { echo "skipped: $*"; exit 77; }
for tool in unshare nsenter ip tc; do
    command -v $tool >/dev/null || skip "no $tool"
done
if [ -z "${HOSTS_LIB_INSIDE:-}" ]; then
    unshare -rnmpf --mount-proc true 2>/dev/null || skip "no namespaces for this user"
    HOSTS_LIB_INSIDE=1 exec unshare -rnmpf --mount-proc --kill-child bash "$0" "$@"
fi

hosts=$(mktemp -d)
rate=${rate:-200mbit}
hosts_count=0

# tbf sends a burst at once and the rest at its rate: small enough for what is measured in parts of a second.
shaped() { echo "tbf rate $1 burst 32kb latency 30ms"; }

hosts_begin() {
    mount -t sysfs sysfs /sys 2>/dev/null || skip "no sysfs of one's own"
    ip link add core type bridge 2>/dev/null || skip "no bridges"
    ip addr add 10.88.0.254/24 dev core
    ip link set core up
    ip link set lo up
    printf '127.0.0.1 localhost\n10.88.0.254 head\n' >"$hosts/names"
    mount --bind "$hosts/names" /etc/hosts || skip "no bind mounts"
    cat >"$hosts/ssh" <<'SH'
#!/bin/sh
# The last two words are the host and the command.
while [ $# -gt 2 ]; do shift; done
hosts=$(dirname "$0")
[ -s "$hosts/pid.$1" ] || { echo "ssh: Could not resolve hostname $1: Name or service not known" >&2; exit 255; }
XDG_CACHE_HOME=$hosts/cache-$1 XDG_STATE_HOME=$hosts/state-$1 exec nsenter -t "$(cat "$hosts/pid.$1")" -n -m -u sh -c "$2"
SH
    chmod 755 "$hosts/ssh"
    export FIRSTLIGHT_SSH=$hosts/ssh
}

bridge_add() {
    ip link add "$1" type bridge
    ip link set "$1" up
    ip link add "$1-up" type veth peer name "$1-down"
    ip link set "$1-up" master core
    ip link set "$1-down" master "$1"
    for end in "$1-up" "$1-down"; do
        tc qdisc add dev "$end" root $(shaped "$2")
        ip link set "$end" up
    done
}

bridge_rate() {
    for end in "$1-up" "$1-down"; do tc qdisc change dev "$end" root $(shaped "$2"); done
}

host_pid() { cat "$hosts/pid.$1"; }
host_run() { local name=$1; shift; nsenter -t "$(host_pid "$name")" -n -m -u --wd="$PWD" "$@"; }

host_add() {
    local name=$1 bridge=${2:-core} address=10.88.0.$((hosts_count + 1)) holder
    hosts_count=$((hosts_count + 1))
    unshare -nmu sh -c 'hostname "$1" && mount -t sysfs sysfs /sys && echo ready >"$2" && exec sleep 600' sh "$name" "$hosts/ready.$name" &
    holder=$!
    for _ in $(seq 500); do
        [ ! -s "$hosts/ready.$name" ] || break
        sleep 0.02
    done
    [ -s "$hosts/ready.$name" ] || skip "no namespaces for $name"
    echo $holder >"$hosts/pid.$name"
    ip link add "to-$name" type veth peer name eth0 netns $holder 2>/dev/null || skip "no veth devices"
    ip link set "to-$name" master "$bridge"
    host_run "$name" ip addr add $address/24 dev eth0
    host_run "$name" ip link set eth0 up
    host_run "$name" ip link set lo up
    ip link set "to-$name" up
    tc qdisc add dev "to-$name" root $(shaped "$rate") 2>/dev/null || skip "no tbf"
    host_run "$name" tc qdisc add dev eth0 root $(shaped "$rate")
    echo "${rate%mbit}" >"$hosts/speed"
    host_run "$name" mount --bind "$hosts/speed" /sys/devices/virtual/net/eth0/speed
    echo "$address $name" >>"$hosts/names"
}

host_in() { tc qdisc change dev "to-$1" root $(shaped "$2"); }
host_out() { host_run "$1" tc qdisc change dev eth0 root $(shaped "$2"); }
host_unplug() { ip link set "to-$1" down; }

host_processes() {
    local pid here
    here=$(readlink "/proc/$(host_pid "$1")/ns/net")
    for pid in $(grep -slzx "$2" /proc/[0-9]*/cmdline | cut -d/ -f3); do
        [ "$(readlink "/proc/$pid/ns/net")" != "$here" ] || echo "$pid"
    done
}
# Bytes that its interface has sent.
host_sent() { host_run "$1" cat /sys/class/net/eth0/statistics/tx_bytes; }
