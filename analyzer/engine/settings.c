/* SPDX-License-Identifier: MIT
 *
 * Settings by name: one table of names and setters, so that a front end needs no structure of ours.
 */
#include "engine/run.h"

#include "capture/source.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define SIZE_MIN   (UINT64_C(1) << 20)
#define MEMORY_MAX (UINT64_C(1) << 50)

struct tca_settings *tca_settings_new(void)
{
    struct tca_settings *set = tca_alloc(sizeof *set);
    if (set)
        set->min_confidence = TCA_POSSIBLE;
    return set;
}

void tca_settings_clear(struct tca_settings *set)
{
    tca_free(set->filter);
    tca_free(set->temp_dir);
    tca_free(set->key);
    tca_free(set->server);
    tca_known_done(&set->known);
    memset(set, 0, sizeof *set);
}

void tca_settings_free(struct tca_settings *set)
{
    if (!set)
        return;
    tca_settings_clear(set);
    tca_free(set);
}

int tca_settings_copy(const struct tca_settings *from, struct tca_settings *copy)
{
    *copy = *from;
    copy->filter = from->filter ? tca_strdup(from->filter) : NULL;
    copy->temp_dir = from->temp_dir ? tca_strdup(from->temp_dir) : NULL;
    copy->key = from->key ? tca_alloc(from->key_length) : NULL;
    if (copy->key)
        memcpy(copy->key, from->key, from->key_length);
    copy->server = from->server_count ? tca_grow(NULL, from->server_count, sizeof *copy->server) : NULL;
    if (copy->server)
        memcpy(copy->server, from->server, from->server_count * sizeof *copy->server);
    int known = tca_known_copy(&from->known, &copy->known);
    bool whole = !known && (!from->filter || copy->filter) && (!from->temp_dir || copy->temp_dir) &&
                 (!from->key || copy->key) && (!from->server_count || copy->server);
    return whole ? TCA_OK : TCA_EMEMORY;
}

/* ---- values ---- */

bool tca_parse_endpoint(const char *text, size_t length, uint8_t ret_addr[16], uint16_t *ret_port)
{
    char copy[80];
    if (length >= sizeof copy)
        return false;
    memcpy(copy, text, length);
    copy[length] = '\0';
    char *colon = strrchr(copy, ':');
    if (!colon || colon == copy || colon[1] < '0' || colon[1] > '9')
        return false;
    *colon = '\0';
    char *end;
    unsigned long port = strtoul(colon + 1, &end, 10);
    char *host = copy;
    size_t host_length = strlen(host);
    if (*end || port > 65535)
        return false;
    if (host[0] == '[' && host[host_length - 1] == ']') {
        host[host_length - 1] = '\0';
        host++;
    }
    *ret_port = (uint16_t)port;
    return tca_parse_address(host, ret_addr);
}

/* Up to nine digits of a fraction, as nanoseconds. */
static const char *parse_fraction(const char *at, int64_t *ret_ns)
{
    int64_t unit = 100000000;
    *ret_ns = 0;
    if (*at != '.')
        return at;
    for (at++; *at >= '0' && *at <= '9'; at++, unit /= 10)
        *ret_ns += (*at - '0') * unit;
    return at;
}

/* Days from 1970-01-01 to a civil date. */
static int64_t days_of(int64_t year, int month, int day)
{
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t yoe = year - era * 400;
    int64_t doy = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

static bool parse_iso(const char *text, int64_t *ret_ns)
{
    int year, month, day, hour = 0, minute = 0, second = 0, used = 0;
    if (sscanf(text, "%4d-%2d-%2d%n", &year, &month, &day, &used) != 3)
        return false;
    const char *at = text + used;
    if (*at == 'T' || *at == ' ') {
        if (sscanf(at + 1, "%2d:%2d:%2d%n", &hour, &minute, &second, &used) != 3)
            return false;
        at += 1 + used;
    }
    int64_t fraction;
    at = parse_fraction(at, &fraction);
    if (*at == 'Z')
        at++;
    if (*at || year < 1678 || year > 2261 || month < 1 || month > 12 || day < 1 || day > 31 || hour < 0 ||
        hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 60)
        return false; /* int64 nanoseconds reach from 1677 to 2262 */
    int64_t seconds = days_of(year, month, day) * 86400 + hour * 3600 + minute * 60 + second;
    *ret_ns = seconds * 1000000000 + fraction;
    return true;
}

bool tca_parse_time(const char *text, int64_t *ret_ns)
{
    if (strlen(text) > 4 && text[4] == '-')
        return parse_iso(text, ret_ns);
    char *end;
    long long seconds = strtoll(text, &end, 10);
    int64_t fraction;
    if (end == text || seconds < 0 || seconds > INT64_C(9000000000))
        return false;
    const char *rest = parse_fraction(end, &fraction);
    *ret_ns = seconds * 1000000000 + fraction;
    return !*rest;
}

/* Index of a word in a list that ends with NULL; -1 if it is not there. */
static int word_index(const char *const *list, const char *word)
{
    for (int at = 0; list[at]; at++)
        if (!strcmp(list[at], word))
            return at;
    return -1;
}

static bool parse_bool(const char *value, bool *ret)
{
    bool yes = !strcmp(value, "true");
    if (!yes && strcmp(value, "false") != 0)
        return false;
    *ret = yes;
    return true;
}

/* ---- setters: false means a bad value, and changes nothing ---- */

static bool set_after(struct tca_settings *set, const char *value)
{
    int64_t ns;
    if (!tca_parse_time(value, &ns))
        return false;
    set->after_ns = ns;
    return set->has_after = true;
}

static bool set_before(struct tca_settings *set, const char *value)
{
    int64_t ns;
    if (!tca_parse_time(value, &ns))
        return false;
    set->before_ns = ns;
    return set->has_before = true;
}

static bool set_count(struct tca_settings *set, const char *value)
{
    char *end;
    errno = 0;
    unsigned long long count = strtoull(value, &end, 10);
    if (*value < '0' || *value > '9' || *end || errno || !count)
        return false;
    set->max_records = count;
    return true;
}

static bool set_vantage(struct tca_settings *set, const char *value)
{
    static const char *const word[] = {"auto", "client", "server", "middle", NULL};
    static const enum tca_vantage vantage[] = {TCA_VANTAGE_UNKNOWN, TCA_VANTAGE_CLIENT, TCA_VANTAGE_SERVER,
                                               TCA_VANTAGE_MIDDLE};
    int at = word_index(word, value);
    if (at >= 0)
        set->vantage = vantage[at];
    return at >= 0;
}

static bool set_server(struct tca_settings *set, const char *value)
{
    struct tca_server_hint hint = {0};
    if (!tca_parse_endpoint(value, strlen(value), hint.addr, &hint.port))
        return false;
    struct tca_server_hint *more = tca_grow(set->server, set->server_count + 1, sizeof hint);
    if (!more)
        return false;
    set->server = more;
    set->server[set->server_count++] = hint;
    return true;
}

static bool set_key(struct tca_settings *set, const char *value)
{
    static const char *const word[] = {"vlan", "tunnel", "vlan,tunnel", "tunnel,vlan", NULL};
    int at = word_index(word, value);
    if (at < 0)
        return false;
    set->key_vlan = at == 0 || at >= 2;
    set->key_tunnel = at >= 1;
    return true;
}

static bool set_checksums(struct tca_settings *set, const char *value)
{
    static const char *const word[] = {"auto", "on", "off", NULL};
    int at = word_index(word, value);
    if (at >= 0)
        set->checksums = (enum checksums)at;
    return at >= 0;
}

static bool set_min_confidence(struct tca_settings *set, const char *value)
{
    static const char *const word[] = {"possible", "probable", "certain", NULL};
    int at = word_index(word, value);
    if (at >= 0)
        set->min_confidence = (enum tca_confidence)(TCA_POSSIBLE + at);
    return at >= 0;
}

/* A comma list of ids; false at the first unknown one. */
static bool mark_findings(const char *list, bool wanted[TCA_FINDING_COUNT])
{
    while (*list) {
        size_t length = strcspn(list, ",");
        char id[80];
        if (length >= sizeof id)
            return false;
        memcpy(id, list, length);
        id[length] = '\0';
        const struct tca_finding *finding = tca_finding_by_id(id);
        if (!finding)
            return false;
        wanted[finding - tca_findings] = true;
        list += length + (list[length] == ',');
    }
    return true;
}

static bool set_finding(struct tca_settings *set, const char *value)
{
    bool wanted[TCA_FINDING_COUNT];
    memcpy(wanted, set->wanted, sizeof wanted);
    if (!*value || !mark_findings(value, wanted))
        return false;
    memcpy(set->wanted, wanted, sizeof wanted);
    return set->some_findings = true;
}

static bool set_all_states(struct tca_settings *set, const char *value)
{
    return parse_bool(value, &set->all_states);
}

static bool set_raw_text(struct tca_settings *set, const char *value)
{
    return parse_bool(value, &set->raw_text);
}

static bool set_real_addresses(struct tca_settings *set, const char *value)
{
    return parse_bool(value, &set->real_addresses);
}

static bool set_trace(struct tca_settings *set, const char *value)
{
    return parse_bool(value, &set->trace);
}

static bool set_at(struct tca_settings *set, const char *value)
{
    int64_t ns;
    if (!tca_parse_time(value, &ns))
        return false;
    set->at_ns = ns;
    return set->has_at = true;
}

/* Above 0, at most a day. */
static bool set_width(struct tca_settings *set, const char *value)
{
    int64_t ns;
    if (!tca_parse_time(value, &ns) || ns <= 0 || ns > 86400 * INT64_C(1000000000))
        return false;
    set->width_ns = ns;
    return true;
}

bool tca_parse_address(const char *text, uint8_t ret_addr[16])
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    memcpy(ret_addr, mapped, sizeof mapped);
    return inet_pton(AF_INET, text, ret_addr + 12) == 1 || inet_pton(AF_INET6, text, ret_addr) == 1;
}

static bool set_host(struct tca_settings *set, const char *value)
{
    uint8_t addr[16];
    if (!tca_parse_address(value, addr))
        return false;
    set->many_hosts |= set->has_host && memcmp(set->host, addr, sizeof addr) != 0;
    memcpy(set->host, addr, sizeof addr);
    return set->has_host = true;
}

static bool set_time(struct tca_settings *set, const char *value)
{
    static const char *const word[] = {"rel", "iso", "epoch", "ns", NULL};
    static const enum tca_time_style style[] = {TCA_TIME_REL, TCA_TIME_ISO, TCA_TIME_EPOCH, TCA_TIME_NS};
    int at = word_index(word, value);
    if (at >= 0)
        set->time = style[at];
    return at >= 0;
}

/* int64 nanoseconds reach from 1677 to 2262. */
#define MOMENT "epoch seconds up to 9000000000, or ISO 8601 in UTC such as 2023-11-14T22:13:20Z"

/* As make has it: a number of threads. */
static bool set_jobs(struct tca_settings *set, const char *value)
{
    char *end;
    errno = 0;
    unsigned long jobs = strtoul(value, &end, 10);
    if (*value < '0' || *value > '9' || *end || errno || !jobs || jobs > TCA_CREW_MAX)
        return false;
    set->jobs = (unsigned)jobs;
    return true;
}

uint64_t tca_memory_of(const struct tca_settings *set)
{
    return set->memory ? set->memory : UINT64_C(1) << 30;
}

/* Bytes, or with a letter K, M, G, T: multiples of 1024; at least a MiB. */
static bool read_size(const char *value, uint64_t most, uint64_t *ret_size)
{
    static const char units[] = "KMGT";
    char *end;
    errno = 0;
    unsigned long long size = strtoull(value, &end, 10);
    const char *unit = *end ? strchr(units, *end & ~0x20) : NULL;
    unsigned shift = unit ? 10 * (unsigned)(unit - units + 1) : 0;
    if (*value < '0' || *value > '9' || errno || (*end && (!unit || end[1])) || size > most >> shift ||
        size << shift < SIZE_MIN)
        return false;
    *ret_size = size << shift;
    return true;
}

static bool set_memory(struct tca_settings *set, const char *value)
{
    return read_size(value, MEMORY_MAX, &set->memory);
}

static bool set_max_expanded(struct tca_settings *set, const char *value)
{
    return read_size(value, INT64_MAX, &set->max_expanded);
}

/* "2/7" */
static bool set_shard(struct tca_settings *set, const char *value)
{
    unsigned share, shares;
    int used = 0;
    bool good = sscanf(value, "%2u/%2u%n", &share, &shares, &used) == 2 && !value[used] && *value >= '0' &&
                *value <= '9' && strchr(value, '/')[1] >= '0' && strchr(value, '/')[1] <= '9' && share &&
                share <= shares && shares <= TCA_PARTITIONS;
    if (good) {
        set->share = share;
        set->shares = shares;
    }
    return good;
}

static const struct setter {
    const char *name;
    bool (*set)(struct tca_settings *set, const char *value);
    const char *wants;
} setters[] = {
    {"after", set_after, MOMENT},
    {"before", set_before, MOMENT},
    {"count", set_count, "a number of records above 0"},
    {"vantage", set_vantage, "auto, client, server or middle"},
    {"server", set_server, "ADDR:PORT, IPv6 as [ADDR]:PORT"},
    {"key", set_key, "vlan, tunnel or vlan,tunnel"},
    {"checksums", set_checksums, "auto, on or off"},
    {"min-confidence", set_min_confidence, "possible, probable or certain"},
    {"finding", set_finding, "a comma list of finding ids; see 'tcpautopsy findings'"},
    {"all-states", set_all_states, "true or false"},
    {"raw-text", set_raw_text, "true or false"},
    {"real-addresses", set_real_addresses, "true or false"},
    {"at", set_at, MOMENT},
    {"width", set_width, "seconds above 0, at most 86400"},
    {"memory", set_memory, "a size from 1M to 1024T, such as 256M or 2G"},
    {"max-expanded", set_max_expanded, "a size of at least 1M, such as 500M or 2T"},
    {"jobs", set_jobs, "a number of threads, 1 to 64"},
    {"host", set_host, "an IPv4 or IPv6 address"},
    {"time", set_time, "rel, iso, epoch or ns"},
    {"trace", set_trace, "true or false"},
    {"shard", set_shard, "K/N, 1 <= K <= N <= 64"},
};

enum { KEY_MAX = 4096 };

/* What a file holds, without the end of its last line. */
static int read_key(const char *path, char key[KEY_MAX + 2], size_t *ret_length, struct tca_error *error)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        return errno == ENOMEM ? tca_fail_memory(error)
                               : tca_fail(error, TCA_EUSAGE, "anonymize '@%s': %s", path, strerror(errno));
    size_t length = fread(key, 1, KEY_MAX + 2, file);
    bool bad = ferror(file);
    fclose(file);
    if (bad)
        return tca_fail(error, TCA_EUSAGE, "anonymize '@%s': cannot be read", path);
    length -= length && key[length - 1] == '\n';
    length -= length && key[length - 1] == '\r';
    *ret_length = length;
    return TCA_OK;
}

static int set_anonymize(struct tca_settings *set, const char *value, struct tca_error *error)
{
    char key[KEY_MAX + 2];
    size_t length = strlen(value);
    int code = TCA_OK;
    if (value[0] == '@')
        code = read_key(value + 1, key, &length, error);
    else
        memcpy(key, value, length < sizeof key ? length : sizeof key);
    if (!code && (!length || length > KEY_MAX))
        code = tca_fail(error, TCA_EUSAGE, "anonymize: wants a key of 1 to %d bytes, or @FILE with one",
                        KEY_MAX);
    char *copy = code ? NULL : tca_alloc(length);
    if (!code && !copy)
        code = tca_fail(error, TCA_EMEMORY, "out of memory");
    if (!code) {
        memcpy(copy, key, length);
        tca_free(set->key);
        set->key = copy;
        set->key_length = length;
    }
    memset(key, 0, sizeof key);
    return code;
}

static int set_text(char **place, const char *value, struct tca_error *error)
{
    char *copy = tca_strdup(value);
    if (!copy)
        return tca_fail(error, TCA_EMEMORY, "out of memory");
    tca_free(*place);
    *place = copy;
    return TCA_OK;
}

int tca_settings_set(struct tca_settings *set, const char *name, const char *value, struct tca_error *error)
{
    struct tca_error ignored;
    if (!strcmp(name, "filter")) {
        int code = tca_source_check_filter(value, error ? error : &ignored);
        return code ? code : set_text(&set->filter, value, error);
    }
    if (!strcmp(name, "temp-dir"))
        return set_text(&set->temp_dir, value, error);
    if (!strcmp(name, "anonymize"))
        return set_anonymize(set, value, error);
    if (!strcmp(name, "sysctl"))
        return tca_settings_sysctl(set, value, error);
    if (!strcmp(name, "kernel"))
        return tca_settings_kernel(set, value, error);
    for (size_t at = 0; at < sizeof setters / sizeof *setters; at++) {
        if (strcmp(setters[at].name, name))
            continue;
        if (!setters[at].set(set, value))
            return tca_fail(error, TCA_EUSAGE, "%s '%s': wants %s", name, value, setters[at].wants);
        return TCA_OK;
    }
    return tca_fail(error, TCA_EUSAGE, "unknown setting '%s'", name);
}
