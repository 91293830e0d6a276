# Shared by the scripts: packages and builds. POSIX shell; sourced, with $root set to the tree's top.

say() { printf '%s\n' "$*"; }

# Installs what is missing of the named groups in scripts/packages. As root, or with a passwordless
# sudo, it goes ahead; else it prints the line to run and ends with 78.
need_packages() {
  wanted=
  for group in "$@"; do
    wanted="$wanted $(sed -n "s/^$group: //p" "$root/scripts/packages" | tr '\n' ' ')"
  done
  missing=
  total=0
  for package in $wanted; do
    total=$((total + 1))
    state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
    [ "$state" = installed ] || missing="$missing $package"
  done
  say "packages   $((total - $(printf '%s' "$missing" | wc -w))) of $total present"
  [ -n "$missing" ] || return 0
  line="apt-get install -y --no-install-recommends$missing"
  if [ "$(id -u)" = 0 ]; then
    sudo=
  elif sudo -n true 2>/dev/null; then
    sudo=sudo
  else
    say "Missing. As root: apt-get update && $line"
    exit 78
  fi
  say "+ $line"
  export DEBIAN_FRONTEND=noninteractive
  # shellcheck disable=SC2086
  $sudo apt-get update -qq && $sudo $line -qq >/dev/null || { say "That failed."; exit 78; }
}

# Configures and builds one preset, or only the targets named after it; quiet unless it fails.
build_preset() {
  begun=$(date +%s)
  preset=$1
  log="$root/build/$1.log"
  shift
  mkdir -p "$root/build"
  if ! { cmake --preset "$preset" &&
         cmake --build --preset "$preset" ${1:+--target "$@"}; } >"$log" 2>&1; then
    tail -n 60 "$log"
    say "build      $preset FAILED; all of it: $log"
    exit 1
  fi
  say "build      $preset, $(($(date +%s) - begun)) s"
}
