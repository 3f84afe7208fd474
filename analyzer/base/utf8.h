/* SPDX-License-Identifier: MIT
 *
 * Characters in texts of others, which may be of any bytes.
 */
#ifndef TCA_BASE_UTF8_H
#define TCA_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Length of the well-formed UTF-8 sequence at `text` (RFC 3629: shortest form, no surrogates, up to U+10FFFF)
 * that is no control character; 0 if there is none. `text` is terminated, which no continuation byte equals. */
size_t tca_utf8_printable(const char *text);
/* The number of the character that such a sequence is. */
uint32_t tca_utf8_code(const char *text, size_t length);
/* Not so of characters that are no part of XML, that have no shape, or that turn the direction of what stands around them. */
bool tca_utf8_shown(uint32_t code);

#endif
