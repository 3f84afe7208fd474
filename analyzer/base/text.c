/* SPDX-License-Identifier: MIT
 *
 * Terminals obey control characters, of which U+0080 to U+009F are some whether they come as one byte or as two. They also write
 * from right to left where a character says so, and then a name shows another ending than it has.
 */
#include <tcpautopsy/text.h>

#include <stdint.h>
#include <string.h>

/* Length of the well-formed sequence at `s`, 0 if there is none. `s` is terminated, which no continuation byte equals. */
static size_t utf8_length(const unsigned char *s)
{
    static const struct {
        unsigned char first, last, low, high; /* range of the lead byte, and of the byte after it */
        size_t length;
    } form[] = {
        {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3}, {0xe1, 0xec, 0x80, 0xbf, 3},
        {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3}, {0xf0, 0xf0, 0x90, 0xbf, 4},
        {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
    };
    for (size_t i = 0; i < sizeof form / sizeof form[0]; i++) {
        if (s[0] < form[i].first || s[0] > form[i].last)
            continue;
        if (s[1] < form[i].low || s[1] > form[i].high)
            return 0;
        for (size_t k = 2; k < form[i].length; k++)
            if ((s[k] & 0xc0) != 0x80)
                return 0;
        return form[i].length;
    }
    return 0;
}

/* Of two and three bytes: those that are not to be shown are no longer. */
static uint32_t character_of(const unsigned char *s, size_t length)
{
    if (length == 2)
        return (uint32_t)(s[0] & 0x1f) << 6 | (s[1] & 0x3f);
    return (uint32_t)(s[0] & 0x0f) << 12 | (uint32_t)(s[1] & 0x3f) << 6 | (s[2] & 0x3f);
}

size_t tca_text_plain(const char *text)
{
    static const struct {
        uint32_t first, last;
    } hidden[] = {
        {0x80, 0x9f},     /* control characters */
        {0x61c, 0x61c},   /* Arabic letter mark */
        {0x200e, 0x200f}, /* marks of direction */
        {0x2028, 0x202e}, /* line and paragraph separators; embeddings and overrides */
        {0x2066, 0x2069}, /* isolates */
    };
    const unsigned char *s = (const unsigned char *)text;
    if (s[0] < 0x80)
        return s[0] >= 0x20 && s[0] != 0x7f;
    size_t length = utf8_length(s);
    if (length != 2 && length != 3)
        return length;
    uint32_t character = character_of(s, length);
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
