#!/bin/sh
# Counts on the terminal, 10 to 20 numbers a second, and keeps each in /tmp/count: what a look from outside has missed
# is known from there. Goes on where it was when it is called again.
number=0
if [ -e /tmp/count ]; then number=$(tail -n 1 /tmp/count); fi
while :; do
    number=$((number + 1))
    echo "$number" >>/tmp/count
    echo "$number"
    usleep 50000
done
