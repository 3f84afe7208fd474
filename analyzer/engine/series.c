/* SPDX-License-Identifier: MIT
 *
 * Reading items of a plan: each unit is one capture, of one file or of a series.
 *
 *      files of the unit -> joined (capture/joined.h) -> pass 1, as if they were one file
 *                        -> facts of each file -------- their sums are the capture's
 *                        -> spots (artefact/spot.h): frames as the user knows them
 *
 * Where a piece is missing between two files nobody knows what happened meanwhile: that is a gap of the capture.
 */
#include "base/alloc.h"
#include "base/stop.h"
#include "capture/shelf.h"
#include "engine/reading.h"
#include "engine/run.h"

#include <string.h>

/* ---- facts of files ---- */

static struct tca_capture_facts empty_facts(struct capture *c)
{
    struct tca_capture_facts facts = c->facts; /* as of a capture of which nothing is known */
    facts.file = NULL;
    facts.files = 0;
    return facts;
}

int tca_series_begin(struct capture *c, uint32_t files, uint32_t first)
{
    c->file = tca_grow(NULL, files, sizeof *c->file);
    c->text = tca_grow(NULL, files, sizeof *c->text);
    if (!c->file || !c->text)
        return TCA_EMEMORY;
    memset(c->text, 0, files * sizeof *c->text);
    for (uint32_t at = 0; at < files; at++) {
        c->file[at] = empty_facts(c);
        c->file[at].comment = "";
        c->file[at].ordinal = first + at;
        c->file[at].series = first;
    }
    c->files = files;
    c->facts.file = c->file;
    c->facts.files = files;
    return TCA_OK;
}

int tca_series_name(struct capture *c, uint32_t at, const char *name)
{
    char *copy = tca_strdup(name);
    tca_free(c->text[at].name);
    c->text[at].name = copy;
    c->file[at].name = copy ? copy : "";
    return copy ? TCA_OK : TCA_EMEMORY;
}

static int begin_files(struct tca_session *s, const struct tca_plan_unit *unit)
{
    int code = TCA_OK;
    for (uint32_t at = 0; !code && at < unit->files; at++)
        code = tca_series_name(s->open, at, unit->file[at].name);
    return code;
}

void tca_series_free(struct capture *c)
{
    for (uint32_t at = 0; c->text && at < c->files; at++) {
        tca_free(c->text[at].name);
        tca_free(c->text[at].message);
        tca_free(c->text[at].comment);
        tca_free(c->text[at].error);
    }
    tca_free(c->text);
    tca_free(c->file);
    tca_free(c->gap);
}

static void add_links(struct tca_capture_facts *sum, const struct tca_capture_facts *one)
{
    for (unsigned at = 0; at < one->links; at++)
        tca_note_link(sum, one->link[at]);
}

static const char *common(const char *sum, const char *one, const char *if_not)
{
    return !sum[0] || !one[0] ? (sum[0] ? sum : one) : strcmp(sum, one) != 0 ? if_not : sum;
}

static void add_facts(struct tca_capture_facts *sum, const struct tca_capture_facts *one)
{
    add_links(sum, one);
    sum->format = common(sum->format, one->format, "unknown");
    sum->ts_precision = common(sum->ts_precision, one->ts_precision, "mixed");
    sum->snaplen = sum->snaplen > one->snaplen ? sum->snaplen : one->snaplen;
    sum->has_drops |= one->has_drops;
    sum->drops += one->drops;
    sum->packets += one->packets;
    sum->bytes += one->bytes;
    sum->tcp_packets += one->tcp_packets;
    sum->flows += one->flows;
    sum->order_errors += one->order_errors;
    sum->duplicates += one->duplicates;
    if (one->first_ns >= 0 && (sum->first_ns < 0 || one->first_ns < sum->first_ns))
        sum->first_ns = one->first_ns;
    sum->last_ns = sum->last_ns > one->last_ns ? sum->last_ns : one->last_ns;
    for (int outcome = 0; outcome < TCA_OUTCOME_COUNT; outcome++)
        sum->outcome[outcome] += one->outcome[outcome];
    if (strcmp(one->status, "ok") != 0)
        sum->status = one->status;
}

/* ---- gaps ---- */

static bool was_read_whole(const struct tca_capture_facts *file)
{
    return strcmp(file->status, "damaged") != 0 && strcmp(file->status, "unsupported") != 0;
}

/* The first frame of this file among those of the capture. */
static uint64_t first_frame(const struct tca_session *s, const struct capture *c, uint32_t file)
{
    uint32_t capture = 0;
    uint64_t frame = 0;
    tca_spot_find(&s->spots, (struct tca_spot){c->file[file].ordinal, 1}, &capture, &frame);
    return frame;
}

int tca_series_keep_gap(struct capture *c, const struct gap *gap)
{
    struct gap *list = tca_room(c->gap, c->gaps, &c->gap_room, sizeof *list);
    if (!list)
        return TCA_EMEMORY;
    c->gap = list;
    list[c->gaps++] = *gap;
    return TCA_OK;
}

static int add_gap(struct tca_session *s, struct capture *c, uint32_t file, int64_t newest_ns,
                   bool unreadable)
{
    const struct gap gap = {.from_ns = newest_ns,
                            .to_ns = c->file[file].first_ns,
                            .frame = first_frame(s, c, file),
                            .file = file,
                            .unreadable = unreadable};
    c->file[file].gap_before_ns = gap.to_ns - gap.from_ns;
    return tca_series_keep_gap(c, &gap);
}

/* A piece is missing: by the plan, or because the file before could not be read to its end. */
static int find_gaps(struct tca_session *s, struct capture *c, const struct tca_plan_unit *unit)
{
    int64_t newest_ns = -1;
    bool broken = false;
    int code = TCA_OK;
    for (uint32_t at = 0; !code && at < c->files; at++) {
        const struct tca_capture_facts *file = &c->file[at];
        bool follows = newest_ns >= 0 && file->first_ns > newest_ns;
        if (follows && (broken || unit->file[at].missing))
            code = add_gap(s, c, at, newest_ns, broken);
        broken = !was_read_whole(file) || (broken && file->first_ns < 0);
        if (file->last_ns > newest_ns)
            newest_ns = file->last_ns;
    }
    return code;
}

bool tca_is_open(const struct tca_mirror *m)
{
    for (int role = 0; role < 2; role++) {
        enum tca_state state = tca_side_state(&m->side[role]);
        bool over = state == TCA_CLOSED || state == TCA_LISTEN || state == TCA_TIME_WAIT;
        if (!over && m->side[role].pkts)
            return true;
    }
    return false;
}

struct gap *tca_series_gap(const struct capture *c, const struct tca_dossier *d)
{
    size_t low = 0, high = c->gaps;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (c->gap[middle].frame <= d->m.first_frame)
            low = middle + 1;
        else
            high = middle;
    }
    bool any = low < c->gaps && (d->m.last_frame >= c->gap[low].frame || tca_is_open(&d->m));
    return any ? &c->gap[low] : NULL;
}

static int tell_gap(struct tca_session *s, const struct capture *c, const struct gap *gap)
{
    struct tca_incident one = {.id = TCA_gap,
                               .confidence = gap->unreadable ? TCA_CERTAIN : TCA_PROBABLE,
                               .scope = TCA_SCOPE_CAPTURE,
                               .capture = c->facts.ordinal,
                               .family = 4,
                               .first_ns = gap->from_ns,
                               .last_ns = gap->to_ns,
                               .frame = {gap->frame - 1, gap->frame},
                               .frame_count = 2,
                               .flows = gap->flows,
                               .value = gap->to_ns - gap->from_ns,
                               .unit = "ns"};
    unsigned long long flows = gap->flows;
    snprintf(one.text, sizeof one.text,
             "%s: %llu connection%s open then, and nobody knows what happened to %s.",
             gap->unreadable ? "A file of the series could not be read to its end"
                             : "A piece of the series is missing",
             flows, flows == 1 ? " was" : "s were", flows == 1 ? "it" : "them");
    return tca_incidents_add(&s->incidents, &one);
}

int tca_series_tell_gaps(struct tca_session *s)
{
    int code = TCA_OK;
    for (size_t at = 0; at < s->capture_count; at++) {
        const struct capture *c = s->capture[at];
        for (size_t gap = 0; gap < c->gaps && !code; gap++)
            code = tell_gap(s, c, &c->gap[gap]);
    }
    return code;
}

/* ---- one unit ---- */

struct unit {
    struct tca_session *s;
    struct capture *c;
    const struct tca_plan_unit *unit;
    int code;               /* of what ends the session while files are read */
    struct tca_error error; /* words for it, where there are some */
};

/* Nothing is known of it but why it was not read. */
static int take_fault(const struct tca_file_of *file, int code, const struct tca_error *error)
{
    file->facts->status =
        tca_source_status_name(code == TCA_EUNSUPPORTED ? TCA_SOURCE_unsupported : TCA_SOURCE_damaged);
    return tca_capture_say(file, error->text);
}

/* A tca_joined_ended_fn. */
static void note_ended(void *user, size_t at, int code, const struct tca_source_facts *facts,
                       const struct tca_error *error)
{
    struct unit *u = user;
    struct tca_file_of file = tca_file_of(u->c, (uint32_t)at);
    struct tca_error words = {.offset = -1};
    if (facts) {
        words = (struct tca_error){.frame = facts->error_frame, .offset = facts->error_offset};
        code = tca_told_code(facts);
    } else {
        words = *error;
    }
    words.code = code;
    if (!facts && !code) { /* nothing of it was wanted */
        if (tca_is_stopped(&u->s->stop))
            file.facts->status = tca_source_status_name(TCA_SOURCE_interrupted);
        return;
    }
    if (!facts && code != TCA_EINPUT && code != TCA_EUNSUPPORTED) {
        u->code = u->code ? u->code : code; /* such as a filter that does not fit */
        u->error = *error;
        return;
    }
    int kept = facts ? tca_take_facts(&file, facts) : take_fault(&file, code, error);
    if (!kept && (code || (facts && facts->message[0]))) {
        *file.error = tca_alloc(sizeof words);
        kept = *file.error ? TCA_OK : TCA_EMEMORY;
    }
    if (kept)
        u->code = kept;
    else if (*file.error)
        **file.error = words;
}

static int next_batch(void *from, struct tca_joined_batch *ret)
{
    return tca_joined_next(from, ret);
}

static int read_records(struct unit *u, struct tca_shelf *shelf)
{
    struct tca_joined *joined = NULL;
    const struct tca_source_settings set = tca_source_settings_of(u->s);
    int code = tca_joined_open(shelf, u->unit, &set, note_ended, u, &joined);
    if (!code)
        code = tca_pass1_read(u->s, next_batch, joined);
    tca_joined_close(joined);
    return code ? code : u->code;
}

/* Once all is read: what holds of the whole. */
static int sum_up(struct unit *u)
{
    struct capture *c = u->c;
    int code = c->files ? find_gaps(u->s, c, u->unit) : TCA_OK;
    for (uint32_t at = 0; at < c->files; at++)
        add_facts(&c->facts, &c->file[at]);
    c->warns = true;
    return code ? code : tca_capture_warn(c);
}

static void tell_files(struct unit *u, tca_told_fn *told, void *user)
{
    uint32_t files = u->c->files ? u->c->files : 1;
    for (uint32_t at = 0; at < files; at++) {
        struct tca_file_of file = tca_file_of(u->c, at);
        struct tca_error words = {.offset = -1};
        if (*file.error)
            words = **file.error;
        snprintf(words.text, sizeof words.text, "%s", file.facts->message);
        told(user, file.facts->name, words.code, &words);
        tca_free(*file.error);
        *file.error = NULL;
    }
}

static int begin_unit(struct unit *u, const struct tca_plan_item *item, struct tca_error *error)
{
    struct tca_session *s = u->s;
    if (u->unit->files > TCA_SERIES_MAX)
        return tca_fail(error, TCA_EUSAGE, "%zu files in one series, and there is room for %d: --series each",
                        u->unit->files, TCA_SERIES_MAX);
    int code = tca_pass1_begin(s, u->unit->file[0].name, (uint32_t)u->unit->files);
    u->c = s->open;
    if (!code && u->unit->files > 1)
        code = begin_files(s, u->unit);
    if (code)
        return tca_words(error, code);
    u->c->item = item;
    u->c->unit = u->unit;
    return TCA_OK;
}

static int read_unit(struct tca_session *s, struct tca_shelf *shelf, const struct tca_plan_item *item,
                     const struct tca_plan_unit *unit, tca_told_fn *told, void *user)
{
    struct unit u = {.s = s, .unit = unit};
    struct tca_error error = {.offset = -1};
    int code = begin_unit(&u, item, &error);
    if (!code)
        code = read_records(&u, shelf);
    int end = s->open ? tca_pass1_end(s) : TCA_OK;
    if (!code)
        code = end;
    if (!code)
        code = sum_up(&u);
    if (!code) {
        tell_files(&u, told, user);
        return TCA_OK;
    }
    if (code == u.code && u.error.text[0])
        error = u.error;
    if (!error.text[0])
        tca_reading_words(&error, code);
    told(user, unit->file[0].name, code, &error);
    return code;
}

/* What else is in the archives of the item. */
static void tell_notes(const struct tca_plan_item *item, tca_told_fn *told, void *user)
{
    for (size_t unit = 0; unit < item->units; unit++)
        for (size_t at = 0; at < item->unit[unit].files; at++) {
            const struct tca_plan_file *file = &item->unit[unit].file[at];
            struct tca_error words = {.offset = -1};
            if (!file->note)
                continue;
            snprintf(words.text, sizeof words.text, "%s", file->note);
            told(user, file->path, TCA_OK, &words);
        }
}

int tca_read_units(struct tca_session *s, const struct tca_plan_item *item, tca_told_fn *told, void *user)
{
    struct tca_shelf *shelf = NULL;
    int code = tca_shelf_new(item, s->set.max_expanded, s->set.temp_dir, &s->stop, &shelf);
    if (code) {
        struct tca_error error = {.offset = -1};
        tca_reading_words(&error, code);
        told(user, item->unit->file->name, code, &error);
    }
    for (size_t at = 0; !code && at < item->units && (at == 0 || !tca_is_stopped(&s->stop)); at++)
        code = read_unit(s, shelf, item, &item->unit[at], told, user);
    if (!code && !tca_is_stopped(&s->stop))
        tell_notes(item, told, user);
    tca_shelf_free(shelf);
    return code;
}
