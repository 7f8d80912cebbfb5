#!/bin/sh
# What udhcpc runs when the lease of a test guest changes.
# shellcheck disable=SC2154  # udhcpc sets interface, ip, mask and router
case $1 in
    deconfig)
        ip addr flush dev "$interface"
        ip link set "$interface" up
        ;;
    bound | renew)
        ip addr replace "$ip/${mask:-24}" dev "$interface"
        for gateway in $router; do ip route replace default via "$gateway"; done
        ;;
esac
