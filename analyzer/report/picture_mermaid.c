/* SPDX-License-Identifier: MIT
 *
 * A ladder as a Mermaid sequence diagram, which forges and wikis draw where it stands in a text.
 *
 *     C->>S: 17 at 0.000000: SYN seq=0
 *     Note over C: SYN_SENT
 *
 * A solid arrow was sent, a dotted one sent again, a cross is judged ignored or lost; what findings rest on has a ground of
 * its own. Whoever draws it takes texts up to 50000 characters, so these rows are less than those of a picture, and words
 * of others are cut, and told in its first part alone. In a text of Mermaid # begins a character by its number and ; ends a line: whatever is no plain
 * character is told by its number, and nothing can be read as the language.
 */
#include "report/picture.h"

#include "base/utf8.h"

#include <stdio.h>
#include <string.h>

enum { COMMENT_MAX = 80, NOTE_WIDTH = 64, ROWS_FIRST = 60, ROWS_LAST = 50, COMMENTS_UNTIL = 10000 };

/* ---- words ---- */

static size_t character_at(const char *text)
{
    size_t length = tca_utf8_printable(text);
    return length ? length : 1;
}

/* One character of a text of anybody's; its length there. */
static size_t put_character(struct tca_buf *out, const char *text)
{
    static const char plain[] = " .,:=()+/_-?!'[]~";
    size_t length = tca_utf8_printable(text);
    uint32_t code = length ? tca_utf8_code(text, length) : 0xfffd;
    bool letter =
        (*text >= '0' && *text <= '9') || (*text >= 'a' && *text <= 'z') || (*text >= 'A' && *text <= 'Z');
    if (letter || strchr(plain, *text))
        tca_buf_char(out, *text);
    else
        tca_buf_fmt(out, "#%u;", (unsigned)(tca_utf8_shown(code) ? code : 0xfffd));
    return character_at(text);
}

/* The text made for a moment. */
static void put(struct tca_explain *ex)
{
    for (const char *text = tca_buf_text(&ex->text); *text;)
        text += put_character(&ex->out, text);
    ex->out.failed |= ex->text.failed;
    tca_buf_reset(&ex->text);
}

static void put_line(struct tca_explain *ex, const char *begin)
{
    tca_buf_fmt(&ex->out, "    %s: ", begin);
    put(ex);
    tca_buf_char(&ex->out, '\n');
}

/* Over both ends, in lines as wide as these are apart. */
static void put_note(struct tca_explain *ex)
{
    const char *text = tca_buf_text(&ex->text);
    size_t column = 0;
    tca_buf_str(&ex->out, "    Note over C,S: ");
    while (*text) {
        const char *end = text + strcspn(text, " ");
        end += strspn(end, " ");
        if (column && column + (size_t)(end - text) > NOTE_WIDTH) {
            tca_buf_str(&ex->out, "<br/>");
            column = 0;
        }
        column += (size_t)(end - text);
        while (text < end)
            text += put_character(&ex->out, text);
    }
    tca_buf_char(&ex->out, '\n');
    ex->out.failed |= ex->text.failed;
    tca_buf_reset(&ex->text);
}

/* ---- rows ---- */

static const char *const letter[] = {[TCA_CLIENT] = "C", [TCA_SERVER] = "S"};

static void put_states(struct tca_explain *ex, const struct ladder_entry *e, enum tca_state *before)
{
    for (int side = 0; side < 2; side++) {
        if (e->state[side] == before[side] || e->state[side] == TCA_STATE_COUNT)
            continue;
        before[side] = e->state[side];
        tca_buf_fmt(&ex->out, "    Note over %s: %s\n", letter[side], tca_state_name(before[side]));
    }
}

static void put_place(struct tca_explain *ex, const struct ladder_entry *e)
{
    if (e->frame) {
        tca_explain_spot(ex, e->spot, &ex->text);
        tca_buf_str(&ex->text, " at ");
    }
    tca_explain_time(ex, e->time_ns, &ex->text);
    tca_buf_str(&ex->text, ": ");
}

static void put_segment(struct tca_explain *ex, const struct ladder_entry *e)
{
    static const char *const arrow[2][2] = {{"->>", "-x"}, {"-->>", "--x"}};
    char begin[16];
    put_place(ex, e);
    tca_buf_fmt(&ex->text, "%s%s%s", e->flags, e->numbers[0] ? " " : "", e->numbers);
    if (e->name[0])
        tca_buf_fmt(&ex->text, " (%s)", e->name);
    snprintf(begin, sizeof begin, "%s%s%s", letter[e->from], arrow[e->repeat][e->ignored], letter[!e->from]);
    put_line(ex, begin);
    if (e->parted) {
        tca_buf_str(&ex->text, tca_explain_parting);
        put_note(ex);
    }
    if (!e->comment || ex->out.used > COMMENTS_UNTIL)
        return;
    size_t length = 0;
    while (length < COMMENT_MAX && e->comment[length])
        length += character_at(e->comment + length);
    tca_buf_str(&ex->text, "# ");
    tca_buf_add(&ex->text, e->comment, length);
    tca_buf_str(&ex->text, e->comment[length] ? "..." : "");
    put_note(ex);
}

static void put_several(struct tca_explain *ex, const struct ladder_entry *e)
{
    tca_picture_frames(ex, e, &ex->text);
    tca_buf_str(&ex->text, e->kind == LADDER_CUT ? ", left out: " : ": ");
    tca_explain_fold(e, &ex->text);
    put_note(ex);
}

static void put_timer(struct tca_explain *ex, const struct ladder_entry *e)
{
    put_place(ex, e);
    tca_explain_timer_words(e, &ex->text);
    put_note(ex);
}

static void put_row(struct tca_explain *ex, const struct ladder_entry *e, enum tca_state *before)
{
    static void (*const put_kind[])(struct tca_explain *,
                                    const struct ladder_entry *) = {[LADDER_SEGMENT] = put_segment,
                                                                    [LADDER_FOLD] = put_several,
                                                                    [LADDER_TIMER] = put_timer,
                                                                    [LADDER_CUT] = put_several};
    bool proof = tca_picture_severity(ex, e) > TCA_SEVERITY_INFO;
    if (e->gap_ns >= 0) {
        tca_explain_elapsed(&ex->text, e->gap_ns);
        tca_buf_str(&ex->text, " of silence");
        put_note(ex);
    }
    if (proof)
        tca_buf_str(&ex->out, "    rect rgba(234, 88, 12, 0.15)\n");
    put_kind[e->kind](ex, e);
    put_states(ex, e, before);
    if (proof)
        tca_buf_str(&ex->out, "    end\n");
}

/* ---- all of it ---- */

static void put_head(struct tca_explain *ex)
{
    const struct tca_dossier *d = ex->view->c->d;
    tca_buf_str(&ex->out, "sequenceDiagram\n");
    tca_picture_ends(ex, &ex->text);
    put_line(ex, "accTitle");
    tca_picture_verdict(ex, &ex->text);
    put_line(ex, "accDescr");
    for (int side = 0; side < 2; side++) {
        tca_buf_fmt(&ex->text, "%s ", tca_explain_role[side]);
        tca_text_endpoint(&ex->text, ex->view->capture->anon, d->addr[side], d->family, d->port[side]);
        tca_buf_fmt(&ex->out, "    participant %s as ", letter[side]);
        put(ex);
        tca_buf_char(&ex->out, '\n');
    }
    tca_explain_names(ex, &ex->text);
    put_note(ex);
    tca_explain_numbers(ex, &ex->text);
    put_note(ex);
    for (int i = 0; tca_explain_kin(ex, i, &ex->text); i++)
        put_note(ex);
    tca_picture_verdict(ex, &ex->text);
    put_note(ex);
}

static void put_finding(struct tca_explain *ex, const struct tca_judgement *j)
{
    struct tca_sentence sentence;
    tca_buf_fmt(&ex->text, "%s (", tca_findings[j->id].id);
    tca_picture_weight(j, &ex->text);
    for (int i = 0; i < j->frame_count; i++) {
        tca_buf_str(&ex->text, i ? ", " : j->frame_count > 1 ? ", frames " : ", frame ");
        tca_explain_proof(ex, j, i, &ex->text);
    }
    tca_buf_fmt(&ex->text, "): %s", tca_explain_says(ex, j, &sentence));
    put_note(ex);
}

/* Rows of the middle that a diagram has no room for. */
static void put_missing(struct tca_explain *ex, uint64_t rows)
{
    if (!rows)
        return;
    tca_buf_fmt(&ex->text, "%llu lines of the ladder left out", (unsigned long long)rows);
    put_note(ex);
}

static void end_mermaid(struct tca_explain *ex)
{
    const struct picture *p = tca_picture_rows(ex);
    enum tca_state before[2] = {TCA_STATE_COUNT, TCA_STATE_COUNT};
    if (!p)
        return;
    put_head(ex);
    size_t first = p->rows <= ROWS_FIRST + ROWS_LAST ? p->rows : ROWS_FIRST;
    size_t last = first == p->rows ? first : p->rows - ROWS_LAST;
    for (size_t i = 0; i < first; i++)
        put_row(ex, p->row[i], before);
    put_missing(ex, last - first);
    for (size_t i = last; i < p->rows; i++)
        put_row(ex, p->row[i], before);
    tca_explain_ending(ex, &ex->text);
    put_note(ex);
    tca_explain_unshown(ex, &ex->text);
    if (ex->text.used)
        put_note(ex);
    for (int i = 0; i < ex->view->v->count; i++)
        put_finding(ex, &ex->view->v->judgement[i]);
}

const struct tca_explain_form tca_explain_mermaid = {
    .name = "mermaid", .turns = 1, .head = tca_picture_begin, .entry = tca_picture_entry, .end = end_mermaid};
