#!/bin/sh
exec /api "$@"
