#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Writes the bash completion of the miracastctl given, from its own table of commands.
set -eu
commands=$("$1" --list-commands)
cat <<'END'
# bash completion for miracastctl; made from "miracastctl --list-commands"
_miracastctl() {
    local word=${COMP_WORDS[COMP_CWORD]} command="" i
    for ((i = 1; i < COMP_CWORD; i++)); do
        [[ ${COMP_WORDS[i]} == -* ]] || { command=${COMP_WORDS[i]}; break; }
    done
    case $command in
END
echo "    \"\") COMPREPLY=(\$(compgen -W \"$(echo "$commands" | cut -d' ' -f1 | tr '\n' ' ')--json --help --version\" -- \"\$word\")) ;;"
echo "$commands" | while read -r name options; do
    echo "    $name) COMPREPLY=(\$(compgen -W \"$options\" -- \"\$word\")) ;;"
done
cat <<'END'
    esac
    case $command in connect | disconnect | status | stats | modes | limit | forget)
        [[ $word == -* ]] || {
            local IFS=$'\n'
            COMPREPLY+=($(compgen -W "$(miracastctl list --seconds 0 --json 2>/dev/null |
                sed -n 's/.*"address": "\([^"]*\)".*/\1/p')" -- "$word"))
        } ;;
    esac
}
complete -F _miracastctl miracastctl
END
