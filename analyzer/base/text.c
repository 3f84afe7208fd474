/* SPDX-License-Identifier: MIT
 *
 * Terminals obey control characters, of which U+0080 to U+009F are some whether they come as one byte or as two. They also write
 * from right to left where a character says so, and then a name shows another ending than it has.
 */
#include <tcpautopsy/text.h>

#include <stdint.h>
#include <string.h>

#include "base/utf8.h"

size_t tca_text_plain(const char *text)
{
    static const struct {
        uint32_t first, last;
    } hidden[] = {
        {0x61c, 0x61c},   /* Arabic letter mark */
        {0x200e, 0x200f}, /* marks of direction */
        {0x2028, 0x202e}, /* line and paragraph separators; embeddings and overrides */
        {0x2066, 0x2069}, /* isolates */
    };
    size_t length = tca_utf8_printable(text);
    if (length < 2)
        return length;
    uint32_t character = tca_utf8_code(text, length);
    for (size_t at = 0; at < sizeof hidden / sizeof *hidden; at++)
        if (character >= hidden[at].first && character <= hidden[at].last)
            return 0;
    return length;
}

bool tca_text_is_formula(const char *text)
{
    static const char *const wide[] = {"\xef\xbc\x9d", "\xef\xbc\x8b", "\xef\xbc\x8d", "\xef\xbc\xa0"};
    if (text[0] == '\0' || text[1] == '\0') /* "-" alone is none */
        return false;
    for (size_t at = 0; at < sizeof wide / sizeof *wide; at++)
        if (!strncmp(text, wide[at], strlen(wide[at])))
            return true;
    return strchr("=+-@\t", text[0]) != NULL;
}
