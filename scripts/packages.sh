# Sourced. What this machine lacks, told by looking for the thing itself, and how to have it installed.
# shellcheck shell=bash

die() {
  printf 'kvmtui: %s\n' "$*" >&2
  exit 1
}

# Prints the command of a Python that is new enough. "complete": and can also make an environment and be built against.
find_python() {
  local name
  for name in python3 python3.14 python3.13 python3.12 python3.11 /usr/bin/python3; do
    if "$name" - "${1:-}" 2>/dev/null <<'PYTHON'
import os, sys, sysconfig
if sys.version_info < (3, 11):
    sys.exit(1)
if sys.argv[1] == "complete":
    import ensurepip, venv
    header = os.path.join(sysconfig.get_path("include"), "Python.h")
    sys.exit(0 if os.path.exists(header) else 1)
PYTHON
    then
      echo "$name"
      return
    fi
  done
  return 1
}

compiles() {
  local program=${TMPDIR:-/tmp}/kvmtui-compiles.$$ status=0
  printf '#include <stdlib.h>\nint main(void) { return EXIT_SUCCESS; }\n' |
    gcc -x c - -o "$program" 2>/dev/null || status=$?
  rm -f "$program"
  return "$status"
}

package_manager() {
  local name
  for name in apt-get dnf; do
    if command -v "$name" >/dev/null; then
      echo "$name"
      return
    fi
  done
  echo none
}

version_of() {
  "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])'
}

# Prints the packages that give a complete Python; none when this release offers no Python that is new enough.
python_packages() {
  local version='' python manager=$1
  if python=$(find_python); then
    version=$(version_of "$python")
  elif command -v python3 >/dev/null; then
    # A long-supported release may offer a newer Python beside its own.
    for version in 3.13 3.12 3.11 ''; do
      case $manager in
        apt-get) apt-cache show "python$version-venv" ;;
        dnf) dnf -q list "python$version-devel" ;;
      esac >/dev/null 2>&1 && break
    done
    [[ -n $version ]] || return 0
  fi
  if [[ $manager == dnf ]]; then
    # Fedora's own Python is called python3 there, whatever its version is.
    if [[ -z $version || $version == "$(version_of /usr/bin/python3 2>/dev/null)" ]]; then
      version=3
    fi
    echo "python$version" "python$version-devel"
  else
    version=${version:-3}
    echo "python$version" "python$version-venv" "python$version-dev"
  fi
}

# Prints the packages that the client side lacks, by their names for the package manager $1.
client_missing() {
  local manager=$1
  local -A name=([libc]=libc6-dev [pkg]=pkg-config [libvirt]=libvirt-dev [ssh]=openssh-client)
  if [[ $manager == dnf ]]; then
    name=([libc]=glibc-devel [pkg]=pkgconf-pkg-config [libvirt]=libvirt-devel [ssh]=openssh-clients)
  fi
  find_python complete >/dev/null || python_packages "$manager"
  compiles || echo gcc "${name[libc]}"
  command -v pkg-config >/dev/null || echo "${name[pkg]}"
  pkg-config --exists libvirt 2>/dev/null || echo "${name[libvirt]}"
  command -v ssh >/dev/null || echo "${name[ssh]}"
}

# Prints Debian's packages that the tests against real hosts and guests lack.
lab_missing() {
  local package probe
  while read -r package probe; do
    PATH=$PATH:/usr/sbin:/sbin compgen -G "$probe" >/dev/null ||
      PATH=$PATH:/usr/sbin:/sbin command -v "$probe" >/dev/null || echo "$package"
  done <<'PROBES'
libvirt-daemon libvirtd
libvirt-daemon-system /etc/libvirt/libvirtd.conf
libvirt-daemon-driver-qemu /usr/lib/*/libvirt/connection-driver/libvirt_driver_qemu.so
libvirt-clients virsh
qemu-system-x86 qemu-system-x86_64
qemu-utils qemu-img
qemu-guest-agent qemu-ga
busybox-static busybox
iproute2 ip
dnsmasq-base dnsmasq
iptables iptables
cpio cpio
syslinux syslinux
mtools mformat
openssh-server sshd
openssh-client ssh
tmux tmux
kmod insmod
linux-image-cloud-amd64 /boot/vmlinuz-*-cloud-amd64
PROBES
}

# Runs a command, shows what it printed only if it fails.
quietly() {
  local log
  log=$(mktemp)
  if "$@" >"$log" 2>&1 </dev/null; then
    rm -f "$log"
  else
    local status=$?
    tail -n 40 "$log" >&2
    rm -f "$log"
    return "$status"
  fi
}

# update_lists [sudo]: apt-get update. DPkg::Lock::Timeout does not wait for the lock of the lists, so this does.
update_lists() {
  local said deadline=$((SECONDS + 600))
  until said=$("$@" env LC_ALL=C apt-get -q -o Acquire::Retries=3 update 2>&1 </dev/null); do
    if [[ $said != *"Could not get lock"* ]] || ((SECONDS > deadline)); then
      tail -n 10 <<<"$said" >&2
      return 1
    fi
    sleep 2
  done
}

# install_packages MANAGER PACKAGE...: as root, else through sudo, else says what to ask for.
install_packages() {
  local manager=$1 sudo=()
  shift
  if [[ $manager == none ]]; then
    die "this system has neither apt-get nor dnf; install what these Debian packages hold, then try again: $*"
  fi
  if ((EUID != 0)); then
    if ! command -v sudo >/dev/null || ! { sudo -n true 2>/dev/null || { [[ -t 0 ]] && sudo -v; }; }; then
      die "these packages are missing and you may not install them; ask an administrator for '$manager install $*'"
    fi
    sudo=(sudo)
  fi
  echo "kvmtui: installing $*" >&2
  case $manager in
    apt-get)
      update_lists "${sudo[@]}" || echo "kvmtui: apt-get update failed; trying with the lists that are here" >&2
      quietly "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 apt-get -q -y \
        -o DPkg::Lock::Timeout=600 -o Acquire::Retries=3 install --no-install-recommends "$@"
      ;;
    dnf)
      quietly "${sudo[@]}" dnf -q -y --setopt=install_weak_deps=False install "$@"
      ;;
  esac || die "installing failed: $*"
}

enabled_units() {
  if [[ -d /run/systemd/system ]]; then
    systemctl list-unit-files --state=enabled --no-legend | awk '{ print $1 }' | sort
  fi
}

# without_services COMMAND...: runs it, as root, while no package may start a service; and what it enabled is disabled
# again, so that the next boot starts none either. Debian's maintainer scripts ask policy-rc.d before they start one.
without_services() (
  policy=/usr/sbin/policy-rc.d
  kept=$policy.before-kvmtui
  restore() {
    rm -f "$policy"
    if [[ -e $kept || -L $kept ]]; then
      mv "$kept" "$policy"
    fi
  }
  # Two of these at once would restore each other's policy.
  exec 9>/run/lock/kvmtui-packages
  flock 9
  if [[ -e $kept || -L $kept ]] || grep -qs '^# kvmtui' "$policy"; then
    restore # an earlier run was killed
  fi
  if [[ -e $policy || -L $policy ]]; then
    mv "$policy" "$kept"
  fi
  trap restore EXIT
  trap 'exit 130' HUP INT TERM
  printf '#!/bin/sh\n# kvmtui: no service starts while packages are installed for the tests\nexit 101\n' >"$policy"
  chmod 755 "$policy"
  before=$(enabled_units)
  "$@" || exit
  comm -13 <(echo "$before") <(enabled_units) | xargs -r systemctl --quiet disable
)
