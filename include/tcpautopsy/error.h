/* SPDX-License-Identifier: MIT
 *
 * What a call can fail with, and in which words.
 *
 * Errors are for input and output, memory and misuse. A damaged packet is data: it is counted, never an
 * error. Every function that can fail returns 0 or one of these negative codes; one that takes a struct
 * tca_error also fills it with words for a person. The library itself prints nothing.
 */
#ifndef TCPAUTOPSY_ERROR_H
#define TCPAUTOPSY_ERROR_H

#include <stdint.h>

enum tca_code {
    TCA_OK = 0,
    TCA_EMEMORY = -1,      /* an allocation failed */
    TCA_EUSAGE = -2,       /* the caller asked for something impossible: option, filter, column, selector */
    TCA_EINPUT = -3,       /* an input cannot be opened or read, or is no capture */
    TCA_EOUTPUT = -4,      /* a result or a temporary file cannot be written */
    TCA_EUNSUPPORTED = -5, /* the input is sound, but of a kind this build cannot read */
    TCA_ESTOPPED = -6,     /* a callback returned non-zero: the caller wanted to stop */
};

/* Words for a person. Filled on failure, untouched on success. */
struct tca_error {
    int code;       /* enum tca_code */
    uint64_t frame; /* record number in the input, 1-based; 0 where none applies */
    int64_t offset; /* byte offset in the input; -1 where unknown */
    char text[400]; /* "what happened: what to do", without program name and without file name */
};

#endif
