#!/bin/sh
# Install what the browser and PostgreSQL tests drive, where it is missing and may be installed.
set -u
wanted=""
command -v chromium >/dev/null 2>&1 || command -v chromium-browser >/dev/null 2>&1 || command -v google-chrome >/dev/null 2>&1 ||
  wanted="chromium fonts-noto-cjk"
ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || [ -n "${PROMPTOPS_TEST_PG_URL:-}" ] || wanted="$wanted postgresql"
[ -n "$wanted" ] || exit 0
command -v apt-get >/dev/null 2>&1 || { echo "No apt-get here: tests that need $wanted will say that they skip."; exit 0; }
if [ "$(id -u)" = 0 ]; then run=""; elif sudo -n true 2>/dev/null; then run="sudo -n"; else
  echo "Installing $wanted is not allowed here: the tests that need it will say that they skip."
  exit 0
fi
echo "Installing $wanted ..."
# shellcheck disable=SC2086
{ $run apt-get update -qq && DEBIAN_FRONTEND=noninteractive $run apt-get install -y -qq --no-install-recommends $wanted; } >/dev/null 2>&1 ||
  echo "Could not install $wanted: the tests that need it will say that they skip."
