/* SPDX-License-Identifier: MIT
 *
 * What of a text by a stranger (a file name, a comment) may be shown as it stands. The library's tables and reports ask this
 * themselves; who shows names and messages of the library to a person, or writes them into a table, asks it too.
 */
#ifndef TCPAUTOPSY_TEXT_H
#define TCPAUTOPSY_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* Bytes of the character that begins here, if it may be shown: well-formed UTF-8 (RFC 3629) that is no control character, and
 * neither turns the direction of what stands behind it (UAX 9) nor breaks the line. 0: its first byte has to be told as a
 * number, and at the text's end. */
size_t tca_text_plain(const char *text);
/* A spreadsheet would take this for a formula: it begins with one of = + - @, also as wide as Chinese characters, or with a tab,
 * and does not end there. */
bool tca_text_is_formula(const char *text);

#endif
