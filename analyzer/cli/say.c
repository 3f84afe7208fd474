/* SPDX-License-Identifier: MIT
 *
 * Words on standard error. File names and filters come from others, so nothing of them reaches a terminal as
 * a control sequence.
 */
#include "say.h"

#include "sandbox.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <tcpautopsy/text.h>

void put_clean(FILE *to, const char *text)
{
    while (*text) {
        size_t length = tca_text_plain(text);
        if (length)
            fwrite(text, 1, length, to);
        else
            fprintf(to, "\\x%02x", (unsigned char)*text);
        text += length ? length : 1;
    }
}

void say(const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    fputs("tcpautopsy: ", stderr);
    put_clean(stderr, text);
    putc('\n', stderr);
}

/* Where the advice begins in "what happened: what to do"; the end of the text if it gives none. */
static size_t advice_at(const char *text)
{
    const char *found = strstr(text, ": ");
    return found ? (size_t)(found - text) : strlen(text);
}

/* What to add to words that tell why this file could not be opened. */
static const char *refusal(const char *file, const char *text, bool writing)
{
    bool refused = strstr(text, strerror(EACCES)) && sandbox_refuses(file, writing);
    return refused ? ": the sandbox lets in what was named and there when it closed: run again, or with "
                     "--no-sandbox"
                   : "";
}

void say_failed(const char *path, const char *what, bool writing)
{
    int reason = errno;
    const char *why = strerror(reason);
    say("%s: %s: %s%s", path, what, why, refusal(path, why, writing));
    errno = reason;
}

void say_error(const char *file, const struct tca_error *error)
{
    char where[80] = "";
    if (strstr(error->text, "(packet ") || strstr(error->text, "(byte "))
        ; /* the words tell the place themselves */
    else if (error->frame && error->offset >= 0)
        snprintf(where, sizeof where, " (packet %llu, byte %lld)", (unsigned long long)error->frame,
                 (long long)error->offset);
    else if (error->frame)
        snprintf(where, sizeof where, " (packet %llu)", (unsigned long long)error->frame);
    else if (error->offset > 0)
        snprintf(where, sizeof where, " (byte %lld)", (long long)error->offset);
    size_t split = advice_at(error->text);
    say("%s%s%.*s%s%s%s", file ? file : "", file ? ": " : "", (int)split, error->text, where,
        error->text + split, file ? refusal(file, error->text, error->code == TCA_EOUTPUT) : "");
}

/* ---- nearest name ---- */

enum { WORD_MAX = 64 };

/* Letters to insert, remove or change to make one word of the other. */
static size_t edit_distance(const char *a, const char *b)
{
    size_t row[WORD_MAX + 1], a_length = strlen(a), b_length = strlen(b);
    if (a_length > WORD_MAX || b_length > WORD_MAX)
        return WORD_MAX;
    for (size_t k = 0; k <= b_length; k++)
        row[k] = k;
    for (size_t i = 1; i <= a_length; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t k = 1; k <= b_length; k++) {
            size_t change = diagonal + (a[i - 1] != b[k - 1]);
            size_t other = (row[k] < row[k - 1] ? row[k] : row[k - 1]) + 1;
            diagonal = row[k];
            row[k] = change < other ? change : other;
        }
    }
    return row[b_length];
}

struct nearest nearest_to(const char *word)
{
    size_t third = strlen(word) / 3;
    return (struct nearest){.word = word, .distance = (third < 2 ? 2 : third) + 1};
}

void nearest_offer(struct nearest *near, const char *name)
{
    size_t distance = edit_distance(near->word, name);
    if (distance < near->distance && distance < strlen(name)) {
        near->distance = distance;
        near->best = name;
    }
}
