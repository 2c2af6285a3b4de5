#!/bin/sh
# Plays Lambda's /var/runtime/bootstrap: through the wrapper that the function names, where it names one.
# $1 is the interpreter, $2 is bootstrap.py, $3 the folder that plays /opt.
if [ -z "$AWS_LAMBDA_EXEC_WRAPPER" ]; then
    exec "$1" "$2" "$3"
fi
if [ ! -f "$AWS_LAMBDA_EXEC_WRAPPER" ]; then
    echo "$AWS_LAMBDA_EXEC_WRAPPER: does not exist"
    exit 127
fi
if [ ! -x "$AWS_LAMBDA_EXEC_WRAPPER" ]; then
    echo "$AWS_LAMBDA_EXEC_WRAPPER: is not an executable"
    exit 126
fi
exec "$AWS_LAMBDA_EXEC_WRAPPER" "$1" "$2" "$3"
