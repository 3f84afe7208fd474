/* SPDX-License-Identifier: MIT
 *
 * Head and tail of the summary, what it says where nothing went wrong, and what stands beside.
 */
#include "report/summary_own.h"

#include <stdio.h>
#include <string.h>

enum { LATE_ONE_IN = 20 }; /* late answers are told from one in so many on */

/* A name that leaves room for the counts beside it: the last part of a long path. */
static void add_short_name(struct tca_buf *out, const char *name)
{
    enum { NAME_WIDTH = 26 };
    struct tca_buf clean = {0};
    const char *slash = strrchr(name, '/');
    if (strlen(name) > NAME_WIDTH && slash)
        name = slash + 1;
    tca_text_clean(&clean, strcmp(name, "-") == 0 ? "standard input" : name[0] ? name : "capture", true);
    const char *text = tca_buf_text(&clean);
    size_t end = strlen(text);
    bool cut = end > NAME_WIDTH;
    if (cut)
        for (end = NAME_WIDTH - 2; ((unsigned char)text[end] & 0xc0) == 0x80;) /* no half letters */
            end--;
    tca_buf_add(out, text, end);
    tca_buf_str(out, cut ? ".." : "");
    out->failed |= clean.failed;
    tca_buf_done(&clean);
}

/* A capture whose hosts differ has no vantage as a whole, though each connection may have. What is near both ends goes with
 * either. */
static const char *where_taken(const struct tca_summary *sum)
{
    static const char *const taken[] = {[TCA_VANTAGE_UNKNOWN] = "vantage unknown",
                                        [TCA_VANTAGE_CLIENT] = "captured at the client",
                                        [TCA_VANTAGE_SERVER] = "captured at the server",
                                        [TCA_VANTAGE_MIDDLE] = "captured between the ends",
                                        [TCA_VANTAGE_SAME_HOST] = "near both ends"};
    bool told = !sum->rows_from[TCA_VANTAGE_UNKNOWN] && !sum->rows_from[TCA_VANTAGE_MIDDLE];
    bool serves = told && sum->rows_from[TCA_VANTAGE_SERVER],
         asks = told && sum->rows_from[TCA_VANTAGE_CLIENT];
    if (sum->several_vantages || (!sum->vantage && serves && asks))
        return "several vantages";
    return taken[sum->vantage ? sum->vantage
                 : serves     ? TCA_VANTAGE_SERVER
                 : asks       ? TCA_VANTAGE_CLIENT
                              : TCA_VANTAGE_UNKNOWN];
}

/* From when to when, as far as the clocks can be trusted: what is not over before the last time has no length. */
static void add_time(struct page *page, int64_t first_ns, int64_t last_ns)
{
    struct tca_buf *out = &page->out;
    int64_t lasted_ns = last_ns - first_ns;
    if (tca_page_trusts(first_ns)) {
        tca_buf_iso(out, first_ns, 3);
        tca_buf_str(out, " to ");
    }
    tca_page_clock(page, out, last_ns);
    if (!tca_page_trusts(last_ns))
        return;
    tca_buf_str(out, " (");
    if (lasted_ns < DAY_NS)
        tca_buf_seconds(out, lasted_ns, 3);
    else
        tca_buf_i64(out, lasted_ns / DAY_NS);
    tca_buf_str(out, lasted_ns < DAY_NS ? " s)" : " d)");
}

void tca_page_head(struct page *page, const struct tca_summary *sum)
{
    struct tca_buf *out = &page->out;
    if (sum->captures == 1)
        add_short_name(out, sum->name[0]);
    else if (sum->unread)
        tca_buf_fmt(out, "%llu of %llu captures", (unsigned long long)(sum->captures - sum->unread),
                    (unsigned long long)sum->captures);
    else
        tca_page_count(out, sum->captures, " capture", " captures");
    tca_buf_str(out, ": ");
    tca_page_count(out, sum->packets, " packet, ", " packets, ");
    tca_buf_u64(out, sum->tcp_packets);
    tca_buf_str(out, " TCP, ");
    tca_page_count(out, sum->flows, " connection", " connections");
    if (sum->twins)
        tca_buf_str(out, ", each told once");
    tca_page_end_line(page);
    if (sum->first_ns < 0)
        return;
    add_time(page, sum->first_ns, sum->last_ns);
    tca_buf_str(out, ", ");
    tca_buf_str(out, where_taken(sum));
    tca_page_end_line(page);
    if (!sum->again)
        return;
    tca_page_count(out, sum->again, " connection", " connections");
    tca_buf_str(out, " seen again behind address translation, each counted once");
    tca_page_end_line(page);
}

/* A filter that keeps SYNs alone makes every connection look dead. */
void tca_page_syns(struct page *page, const struct tca_summary *sum)
{
    if (sum->flows && sum->syns == sum->flows)
        tca_page_wrapped(page, "?? ",
                         "nothing but SYNs was captured: if a filter chose them, it cannot be told whether "
                         "anything answered");
}

static void add_reason(struct tca_buf *text, uint64_t count, const char *one, const char *many)
{
    if (!count)
        return;
    if (text->used)
        tca_buf_str(text, "; ");
    tca_page_count(text, count, one, many);
}

/* What a filter or a time window took away may be in the capture all the same. */
static const char *begun_before(const struct tca_summary *sum)
{
    return sum->left_out ? " begun before what was read" : " begun before the capture";
}

void tca_page_tail(struct page *page, const struct tca_summary *sum)
{
    struct tca_buf text = {0};
    const struct {
        uint64_t count;
        const char *one, *many; /* NULL: the same */
    } reason[] = {
        {sum->not_whole, " capture not read to its end", " captures not read to their end"},
        {sum->dropped, " packet lost while capturing", " packets lost while capturing"},
        {sum->cut_short, " unanswered SYN beyond those that --memory has room for",
         " unanswered SYNs beyond those that --memory has room for"},
        {sum->beyond, " connection beyond those that --memory has room for",
         " connections beyond those that --memory has room for"},
        {sum->early, " connection finished early, as --memory has no more room",
         " connections finished early, as --memory has no more room"},
        {sum->left_out, " packet left out by -f, -A or -B", " packets left out by -f, -A or -B"},
        {sum->undecoded, " packet not decodable", " packets not decodable"},
        {sum->not_tcp, " IP packet without TCP", " IP packets without TCP"},
        {sum->strays, " tuple with nothing but resets", " tuples with nothing but resets"},
        {sum->vantage_unknown, " from an unknown vantage (--vantage tells)", NULL},
        {sum->start_cut, begun_before(sum), NULL},
        {sum->one_way, " seen in one direction only", NULL},
        {sum->gap, " with bytes that were not captured", NULL},
        {sum->snaplen, " with options cut by the snap length", NULL},
        {sum->end_cut - sum->open_lost, " still open when the capture ended", NULL},
    };
    for (size_t i = 0; i < sizeof reason / sizeof reason[0]; i++)
        add_reason(&text, reason[i].count, reason[i].one, reason[i].many ? reason[i].many : reason[i].one);
    if (!text.used)
        tca_buf_str(&text, !sum->flows      ? "nothing: none was there"
                           : sum->open_lost ? "nothing: what was still open is told as lost"
                                            : "nothing: every connection was seen whole");
    tca_page_wrapped(page, "not judged: ", tca_buf_text(&text));
    page->out.failed |= text.failed;
    tca_buf_done(&text);
}
/* ---- answers ---- */

static int64_t answer_of_group(unsigned group)
{
    unsigned zeros = group < 100 ? 0 : (group - 10) / 90;
    int64_t ns = (int64_t)group - zeros * 90;
    for (; zeros; zeros--)
        ns *= 10;
    return ns;
}

int64_t tca_summary_median(const struct answers *all)
{
    unsigned group = 0;
    for (uint64_t below = all->group[0]; below * 2 < all->count; below += all->group[group])
        group++;
    return answer_of_group(group);
}

/* Enough of them to be told, though no finding yet weighs them. */
static bool many_late(const struct answers *all)
{
    return all->late && all->late * LATE_ONE_IN >= all->count;
}

static void add_why_partial(struct tca_buf *text, const struct tca_summary *sum)
{
    bool begun = sum->start_cut || !sum->one_way;
    if (begun)
        tca_buf_str(text, begun_before(sum));
    if (sum->one_way)
        tca_buf_fmt(text, "%s seen in one direction only", begun ? " or" : "");
}

/* Nothing is wrong in what was seen; how much that says depends on how much was seen. Returns the sign. */
static const char *add_untroubled(struct tca_buf *text, const struct tca_summary *sum)
{
    uint64_t judged = sum->flows - sum->pending, whole = judged - sum->partial;
    if (!sum->flows) {
        tca_buf_str(text, "no TCP connection in what was read");
        return "-- ";
    }
    if (!judged && sum->openings == sum->flows && sum->openings > sum->syns) {
        tca_buf_str(text, "cannot tell: nothing but SYNs and SYN+ACKs was captured of ");
        tca_page_count(text, sum->pending, " connection", " connections");
        return "?? ";
    }
    if (!judged) {
        tca_buf_str(text, "cannot tell: the capture ended before any answer to ");
        tca_page_count(text, sum->pending, " connection", " connections");
        return "?? ";
    }
    if (sum->limited) {
        tca_buf_str(text, "none of the findings asked for in ");
        tca_page_count(text, judged, " connection", " connections");
        return "-- ";
    }
    if (!whole) {
        tca_buf_str(text, "cannot tell: ");
        tca_page_count(text, judged, " connection", " connections");
        add_why_partial(text, sum);
        tca_buf_str(text, "; no connection refused, lost or aborted in what was seen");
        return "?? ";
    }
    if (!many_late(&sum->answers))
        tca_buf_str(text, sum->not_whole ? "healthy as far as read: " : "healthy: ");
    else if (sum->not_whole)
        tca_buf_str(text, "as far as read: ");
    tca_page_count(text, whole, " connection", " connections");
    tca_buf_str(text, ", none refused, lost or aborted");
    if (!many_late(&sum->answers))
        return "ok ";
    tca_buf_fmt(text, ", but %llu waited over 1 s for the first answer",
                (unsigned long long)sum->answers.late); /* a service that stood still, or has its reasons */
    return ".  ";
}

/* Connections beside those that could be judged whole. */
static void add_others(struct page *page, const struct tca_summary *sum)
{
    uint64_t judged = sum->flows - sum->pending;
    if (judged > sum->partial && sum->partial && !sum->limited) {
        tca_page_count(&page->out, sum->partial, " more", " more");
        add_why_partial(&page->out, sum);
        tca_buf_char(&page->out, ':');
        tca_page_end_line(page);
        tca_buf_str(&page->out, "   no connection refused, lost or aborted in what was seen");
        tca_page_end_line(page);
    }
    if (judged && sum->pending) {
        tca_page_count(&page->out, sum->pending, " more was", " more were");
        tca_buf_str(&page->out, " not answered before the capture ended");
        tca_page_end_line(page);
    }
}

void tca_page_healthy(struct page *page, const struct tca_summary *sum)
{
    struct tca_buf text = {0};
    const char *head = add_untroubled(&text, sum);
    tca_page_wrapped(page, head, tca_buf_text(&text));
    page->out.failed |= text.failed;
    tca_buf_done(&text);
    add_others(page, sum);
}

void tca_page_wait(struct tca_buf *out, int64_t ns)
{
    static const struct {
        int64_t ns;
        int64_t decimal_below; /* print tenths of the unit */
        const char *name;
    } unit[] = {{1000000000, INT64_MAX, "s"}, {1000000, 10000000, "ms"}, {1000, 10000, "us"}, {1, 0, "ns"}};
    size_t i = 0;
    while (ns < unit[i].ns && unit[i].ns > 1)
        i++;
    tca_buf_i64(out, ns / unit[i].ns);
    if (ns < unit[i].decimal_below)
        tca_buf_fmt(out, ".%d", (int)(ns % unit[i].ns / (unit[i].ns / 10)));
    tca_buf_fmt(out, " %s", unit[i].name);
}

/* A fact without a sign: a service may have its reasons to think. */
void tca_page_answers(struct page *page, const struct tca_summary *sum)
{
    const struct answers *all = &sum->answers;
    struct tca_buf text = {0};
    if (!many_late(all))
        return;
    tca_buf_str(&text, "median ");
    tca_page_wait(&text, tca_summary_median(all));
    tca_buf_fmt(&text, ", %llu of %llu over 1 s, longest ", (unsigned long long)all->late,
                (unsigned long long)all->count);
    tca_page_wait(&text, all->longest_ns);
    tca_buf_str(&text, " (");
    tca_page_flow(&text, page->several_captures, all->longest_ordinal, all->longest_stream,
                  all->longest_flow);
    tca_buf_char(&text, ')');
    tca_page_wrapped(page, "first answer: ", tca_buf_text(&text));
    page->out.failed |= text.failed;
    tca_buf_done(&text);
}

/* The most frequent that was not told yet; -1: all were. */
static int next_beside(const struct tca_summary *sum, const bool told[TCA_FINDING_COUNT])
{
    int most = -1;
    for (int id = 0; id < TCA_FINDING_COUNT; id++)
        if (sum->kind[id].beside && !told[id] && (most < 0 || sum->kind[id].beside > sum->kind[most].beside))
            most = id;
    return most;
}

/* What stands beside other verdicts and has no line of its own, most frequent first. */
void tca_page_beside(struct page *page, const struct tca_summary *sum, int lines_max)
{
    static const char head[] = "beside these: ", more[] = ", and 99 more kinds";
    struct tca_buf text = {0};
    bool told[TCA_FINDING_COUNT] = {false};
    int id, left = 0;
    for (int each = 0; each < TCA_FINDING_COUNT; each++)
        left += sum->kind[each].beside > 0;
    for (; (id = next_beside(sum, told)) >= 0; left--) {
        size_t used = text.used;
        tca_buf_fmt(&text, "%s%llux %s", used ? ", " : "", (unsigned long long)sum->kind[id].beside,
                    tca_findings[id].id);
        size_t end = text.used;
        tca_buf_str(&text, left > 1 ? more : ""); /* kept free for it */
        bool over = used && tca_page_lines(sizeof head - 1, tca_buf_text(&text)) > lines_max;
        text.used = over ? used : end;
        if (over)
            break;
        told[id] = true;
    }
    if (text.used && left)
        tca_buf_fmt(&text, ", and %d more kind%s", left, left == 1 ? "" : "s");
    if (text.used)
        tca_page_wrapped(page, head, tca_buf_text(&text));
    page->out.failed |= text.failed;
    tca_buf_done(&text);
}

void tca_page_elsewhere(struct page *page, const struct tca_summary *sum)
{
    uint64_t elsewhere = sum->left_off;
    for (int id = 0; id < TCA_FINDING_COUNT; id++)
        elsewhere += sum->kind[id].elsewhere;
    if (!elsewhere)
        return;
    tca_buf_fmt(&page->out, "%llu more at further servers: see tcpautopsy flows",
                (unsigned long long)elsewhere);
    tca_page_end_line(page);
}
