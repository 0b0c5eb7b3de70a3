#!/bin/sh
# Notes the environment that it was started with, and does else as it is asked.
tr '\0' '\n' < "/proc/$$/environ" > "$WORLD/environment"
while read -r line; do
    case $line in
        *'"type":"hello"'*) echo '{"type":"ready","protocol":1}' ;;
        *'"type":"deliver"'*) echo '{"type":"result","id":"d","accepted":1}' ;;
        *'"type":"shutdown"'*) exit 0 ;;
    esac
done
