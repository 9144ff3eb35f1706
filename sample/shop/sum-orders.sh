#!/bin/sh
# Adds up what a month brought: ./shop/sum-orders.sh orders/2025-03.csv
awk -F, 'NR > 1 { sum += $4 * $5 } END { printf "%.2f\n", sum }' "$1"
