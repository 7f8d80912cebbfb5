#!/bin/sh
# The first process of a test guest: modules, power button, agent, network, a shell on the serial console.
# Words of the kernel command line steer it: lab.name=NAME lab.load=PERCENT lab.stubborn lab.count lab.cloud
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sysfs /sys
/bin/busybox mount -t devtmpfs dev /dev
/bin/busybox --install -s
export PATH=/bin:/sbin:/usr/bin:/usr/sbin HOME=/

name=guest load=0 counts='' cloud='' user=''
for word in $(cat /proc/cmdline); do
    case $word in
        lab.name=*) name=${word#*=} ;;
        lab.load=*) load=${word#*=} ;;
        lab.stubborn) touch /etc/stubborn ;;
        lab.count) counts=yes ;;
        lab.cloud) cloud=yes ;;
    esac
done
for module in $(cat /lib/modules/order); do insmod "/lib/modules/$module.ko"; done
# What stands for cloud-init: the seed names the guest, and who logs in to it.
if [ "$cloud" ]; then . /etc/seed.sh; fi
hostname "$name"
ip link set lo up

# The power button: acpid runs what stands in /etc/acpi. A stubborn guest hears it and does nothing.
if [ ! -e /etc/stubborn ]; then acpid -d >/dev/null 2>&1 & fi

if [ -e /sys/class/net/eth0 ]; then
    udhcpc -i eth0 -b -q -t 20 -T 1 -x "hostname:$name" -s /etc/udhcpc.sh >/dev/null 2>&1 &
fi

for port in /sys/class/virtio-ports/*; do
    [ -e "$port/name" ] || continue
    mkdir -p /dev/virtio-ports
    ln -s "../${port##*/}" "/dev/virtio-ports/$(cat "$port/name")"
done
agent=/dev/virtio-ports/org.qemu.guest_agent.0
if [ -e "$agent" ]; then qemu-ga -m virtio-serial -p "$agent" -t /run >/dev/null 2>&1 & fi

# One second of the clock has `load` hundredths of work and the rest of sleep, on one virtual CPU.
burn() {
    while :; do
        read -r now _ </proc/uptime
        end=$((${now%.*}${now#*.} + load))
        while [ "${now%.*}${now#*.}" -lt "$end" ]; do read -r now _ </proc/uptime; done
        usleep $(((100 - load) * 10000))
    done
}
if [ "$load" -gt 0 ]; then burn & fi

# PS1 is read by the shells below; one after a login reads the file.
export PS1="$name:\\w\\$ "
printf "PS1='%s'\nPATH=%s\n" "$PS1" "$PATH" >/etc/profile
echo "lab: $name is up"
if [ "$counts" ]; then setsid cttyhack count; fi
if [ "$user" ]; then
    while :; do setsid getty -L 115200 ttyS0 xterm; done
fi
while :; do setsid cttyhack sh; done
