#!/bin/sh
# Ends the test guest: run by acpid for the power button, and as /sbin/shutdown by the guest agent (-r: reboot).
if [ -e /etc/stubborn ]; then
    echo "lab: asked to end, and will not" >/dev/console
    exit 1
fi
case " $* " in
    *" -r "*) echo "lab: reboot" >/dev/console && exec reboot -f ;;
    *) echo "lab: power off" >/dev/console && exec poweroff -f ;;
esac
