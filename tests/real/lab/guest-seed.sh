# shellcheck shell=sh disable=SC2034  # name and user are for the script that reads this one
# The part of a cloud image that cloud-init plays: finds the seed, says on the console what it holds, and obeys it.

# The first value of a key in a file of JSON, or of YAML that is as simple.
value() {
    tr '{[,}' '\n' <"$2" | sed -n "s/^[ -]*\"\{0,1\}$1\"\{0,1\} *: *\"\{0,1\}\([^\"]*\).*/\1/p" | head -n 1
}

# The device with an ISO image of this label; busybox's findfs knows no ISO images.
labelled() {
    for disk in /sys/class/block/*; do
        disk=/dev/${disk##*/}
        if [ "$(dd if="$disk" bs=1 skip=32808 count=32 2>/dev/null | tr -d ' ')" = "$1" ]; then
            echo "$disk"
            return
        fi
    done
    return 1
}

for module in $(cat /lib/modules/order-seed); do insmod "/lib/modules/$module.ko"; done
if seed=$(labelled cidata) && mkdir /seed && mount -t iso9660 -o ro "$seed" /seed; then
    name=$(value local-hostname /seed/meta-data)
    user=$(value name /seed/user-data)
    key=$(grep -oE '(ssh|ecdsa|sk)-[a-z0-9@.-]+ [A-Za-z0-9+/=]+' /seed/user-data | head -n 1)
    echo "seed: hostname=$name user=$user key=$key"
    mkdir -p "/home/$user"
    # Without a password: who holds the console is let in by the name.
    echo "$user::0:0::/home/$user:/bin/sh" >/etc/passwd
else
    echo "seed: none"
fi
