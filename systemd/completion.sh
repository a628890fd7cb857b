#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Writes the bash completion of the miracastctl given, from its own table of commands.
set -eu
commands=$("$1" --list-commands)
cat <<'END'
# bash completion for miracastctl; made from "miracastctl --list-commands"
_miracastctl() {
    local n=$COMP_CWORD word=${COMP_WORDS[COMP_CWORD]} command="" typed head i
    # To bash a colon is a word of its own: an address is many, and the last one is replaced.
    while ((n > 2)) && [[ ${COMP_WORDS[n]} == : || ${COMP_WORDS[n - 1]} == : ]]; do
        ((n--))
        word=${COMP_WORDS[n]}$word
    done
    head=""
    ((n == COMP_CWORD)) || head=${word%"${word##*:}"}
    typed=${word#[\"\']}
    typed=${typed//\\/}
    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
        --seconds | --mode | --encoder | --audio | --method | --root) ((++i)) ;; # and its value
        -*) ;;
        *) command=${COMP_WORDS[i]}; break ;;
        esac
    done
    case ${COMP_WORDS[COMP_CWORD - 1]} in
    --encoder) COMPREPLY=($(compgen -W "auto vaapi x264" -- "$word")); return ;;
    --audio) COMPREPLY=($(compgen -W "auto none" -- "$word")); return ;;
    --method) COMPREPLY=($(compgen -W "auto button pin display" -- "$word")); return ;;
    --root) COMPREPLY=($(compgen -d -- "$word")); return ;;
    --seconds | --mode) return ;;
    esac
    case $command in
END
echo "    \"\") COMPREPLY=(\$(compgen -W \"$(echo "$commands" | cut -d' ' -f1 | tr '\n' ' ')--json --help --version\" -- \"\$word\")) ;;"
echo "$commands" | while read -r name options; do
    echo "    $name) COMPREPLY=(\$(compgen -W \"$options\" -- \"\$word\")) ;;"
done
cat <<'END'
    esac
    case $command in connect | disconnect | status | stats | modes | limit | forget)
        # Sinks, by name and by address; what has spaces must be quoted, once.
        [[ $word == -* ]] || while IFS= read -r i; do
            [[ ${i,,} == "${typed,,}"* ]] || continue
            [[ $word == [\"\']* ]] || i=$(printf %q "$i")
            COMPREPLY+=("${i:${#head}}")
        done < <(miracastctl list --seconds 0 --json 2>/dev/null |
            sed -n 's/.*"name": "\([^"]*\)", "address": "\([^"]*\)".*/\1\n\2/p') ;;
    esac
}
complete -F _miracastctl miracastctl
END
