#include "host/dmi.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

void dmi_init(struct dmi *dmi, struct node *node, uint16_t source)
{
    memset(dmi, 0, sizeof(*dmi));
    gather_init(&dmi->gather, node, source);
}

/* What vendors leave in a field that they did not fill. */
bool dmi_says_nothing(struct str value)
{
    static const char *const fillers[] = {
        "Not Specified", "Unknown",
        "None",          "Default string",
        "<BAD INDEX>",   "<OUT OF SPEC>",
        "Not Present",   "Not Settable",
        "NO DIMM",       "Not Provided",
        "Not Available", "To be filled by O.E.M.",
        "Empty",         "To Be Filled By O.E.M.",
        "NULL",          "No Module Installed",
    };

    if (!value.len)
        return true;
    for (size_t i = 0; i < ARRAY_LEN(fillers); i++)
        if (str_is(value, fillers[i]))
            return true;
    return false;
}

void dmi_text(struct dmi *dmi, enum fact_class class, uint32_t line, const char *path,
              struct str value)
{
    value = str_trim(value);
    if (!dmi_says_nothing(value))
        gather_text(&dmi->gather, GATHER_HOST, class, line, str_of(path), value);
}

void dmi_uuid(struct dmi *dmi, uint32_t line, struct str value)
{
    value = str_trim(value);
    if (dmi_says_nothing(value) || value.len > 64)
        return;
    /* dmidecode before 3.3 printed capitals. */
    buf_clear(&dmi->lower);
    for (size_t i = 0; i < value.len; i++) {
        char c = value.p[i];

        if (c >= 'A' && c <= 'Z')
            c = (char)(c + 'a' - 'A');
        buf_add(&dmi->lower, &c, 1);
    }
    gather_text(&dmi->gather, GATHER_HOST, FACT_IDENTITY, line, STR("system.uuid"),
                (struct str){dmi->lower.p, dmi->lower.len});
}

void dmi_add_dimm(struct dmi *dmi, const struct dmi_dimm *dimm)
{
    struct dmi_dimm *slot;

    if (dmi->dimms.count == DMI_DIMMS_MAX) {
        dmi->gather.full = true;
        return;
    }
    slot = vec_push(&dmi->dimms);
    if (slot)
        *slot = *dimm;
    else
        dmi->gather.failed = true;
}

void dmi_add_socket(struct dmi *dmi, const struct dmi_socket *socket)
{
    if (dmi->socket_count < DMI_SOCKETS_MAX)
        dmi->sockets[dmi->socket_count++] = *socket;
}

static uint32_t line_of(const struct dmi_number *number, uint32_t structure)
{
    return number->line ? number->line : structure;
}

static uint32_t string_line(const struct dmi_string *string, uint32_t structure)
{
    return string->line ? string->line : structure;
}

static void socket_facts(struct dmi *dmi, size_t index)
{
    const struct dmi_socket *socket = &dmi->sockets[index];
    char path[48];
    struct {
        const char *name;
        struct dmi_number number;
    } numbers[] = {
        {"cores", socket->cores}, {"cores_enabled", socket->enabled}, {"threads", socket->threads}};

    (void)snprintf(path, sizeof(path), "socket.%zu.model", index);
    dmi_text(dmi, FACT_CONFIG, string_line(&socket->model, socket->line), path, socket->model.text);
    (void)snprintf(path, sizeof(path), "socket.%zu.status", index);
    dmi_text(dmi, FACT_CONFIG, string_line(&socket->status, socket->line), path,
             socket->status.text);
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        (void)snprintf(path, sizeof(path), "socket.%zu.%s", index, numbers[i].name);
        if (numbers[i].number.value)
            gather_number(&dmi->gather, GATHER_HOST, FACT_CONFIG,
                          line_of(&numbers[i].number, socket->line), str_of(path),
                          numbers[i].number.value, STR(""));
    }
}

static int by_locator(const void *x, const void *y, void *context)
{
    const struct dmi_dimm *dimms = ((struct dmi *)context)->dimms.items;
    const struct dmi_dimm *a = &dimms[*(const uint32_t *)x], *b = &dimms[*(const uint32_t *)y];
    size_t len = a->locator.len < b->locator.len ? a->locator.len : b->locator.len;
    int c = len ? memcmp(a->locator.p, b->locator.p, len) : 0;

    return c ? c : (a->locator.len > b->locator.len) - (a->locator.len < b->locator.len);
}

/* Some firmware calls every slot "DIMM 0" and tells them apart by the bank. */
static void mark_twins(struct dmi *dmi, uint32_t *order, bool *twin)
{
    size_t count = dmi->dimms.count;

    for (uint32_t i = 0; i < count; i++)
        order[i] = i;
    qsort_r(order, count, sizeof(*order), by_locator, dmi);
    for (size_t i = 1; i < count; i++)
        if (str_eq(dmi->dimms.items[order[i]].locator, dmi->dimms.items[order[i - 1]].locator))
            twin[order[i]] = twin[order[i - 1]] = true;
}

static void dimm_text(struct dmi *dmi, uint32_t subject, enum fact_class class, uint32_t structure,
                      const char *path, const struct dmi_string *string)
{
    struct str value = str_trim(string->text);

    if (!dmi_says_nothing(value))
        gather_text(&dmi->gather, subject, class, string_line(string, structure), str_of(path),
                    value);
}

static void dimm_facts(struct dmi *dmi, size_t index, bool twin)
{
    const struct dmi_dimm *dimm = &dmi->dimms.items[index];
    struct gather *g = &dmi->gather;
    char name[160];
    struct str locator = str_trim(dimm->locator);
    uint32_t subject;
    const struct {
        const char *path;
        struct dmi_number number;
    } numbers[] = {{"DIMM.speed", dimm->speed},
                   {"DIMM.configured", dimm->configured},
                   {"DIMM.rank", dimm->rank}};

    if (locator.len > 64)
        locator.len = 64;
    if (twin || !locator.len)
        (void)snprintf(name, sizeof(name), "%.*s%s%.*s", STR_ARG(locator),
                       dimm->bank.len ? " " : "", dimm->bank.len > 64 ? 64 : (int)dimm->bank.len,
                       dimm->bank.p);
    else
        (void)snprintf(name, sizeof(name), "%.*s", STR_ARG(locator));
    if (!name[0])
        (void)snprintf(name, sizeof(name), "slot %zu", index);
    subject = node_subject(g->node, SUBJECT_DIMM, str_of(name));
    if (dimm->size_mb.value >= 0)
        gather_number(g, subject, FACT_CONFIG, line_of(&dimm->size_mb, dimm->line),
                      STR("DIMM.size_mb"), dimm->size_mb.value, STR(""));
    if (dimm->size_mb.value == 0)
        return;
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
        if (numbers[i].number.value > 0)
            gather_number(g, subject, FACT_CONFIG, line_of(&numbers[i].number, dimm->line),
                          str_of(numbers[i].path), numbers[i].number.value, STR(""));
    dimm_text(dmi, subject, FACT_CONFIG, dimm->line, "DIMM.manufacturer", &dimm->manufacturer);
    dimm_text(dmi, subject, FACT_CONFIG, dimm->line, "DIMM.part", &dimm->part);
    dimm_text(dmi, subject, FACT_IDENTITY, dimm->line, "DIMM.serial", &dimm->serial);
}

/* The common configured speed: "6400", or "mixed: 4800 6400". */
static void common_speed(struct dmi *dmi)
{
    int64_t speeds[8];
    size_t count = 0;
    uint32_t line = 0;
    struct buf text = {0};

    for (size_t i = 0; i < dmi->dimms.count; i++) {
        const struct dmi_dimm *dimm = &dmi->dimms.items[i];
        const struct dmi_number *from = dimm->configured.value ? &dimm->configured : &dimm->speed;
        int64_t speed = from->value;
        size_t at = 0;

        if (dimm->size_mb.value <= 0 || speed <= 0)
            continue;
        if (!line)
            line = line_of(from, dimm->line);
        while (at < count && speeds[at] < speed)
            at++;
        if ((at < count && speeds[at] == speed) || count == ARRAY_LEN(speeds))
            continue;
        memmove(speeds + at + 1, speeds + at, (count - at) * sizeof(speeds[0]));
        speeds[at] = speed;
        count++;
    }
    if (count > 1)
        buf_puts(&text, "mixed:");
    for (size_t i = 0; i < count; i++)
        buf_printf(&text, count > 1 ? " %lld" : "%lld", (long long)speeds[i]);
    if (count && !text.failed)
        gather_text(&dmi->gather, GATHER_HOST, FACT_CONFIG, line, STR("dimm.speed"),
                    (struct str){text.p, text.len});
    buf_done(&text);
}

static void memory_facts(struct dmi *dmi)
{
    size_t count = dmi->dimms.count;
    uint32_t *order = calloc(count, sizeof(*order));
    bool *twin = calloc(count, sizeof(*twin));
    int64_t populated = 0, total = 0;
    struct gather *g = &dmi->gather;
    uint32_t line = dmi->dimms.items[0].line;

    if (!order || !twin) {
        g->failed = true;
        goto out;
    }
    mark_twins(dmi, order, twin);
    for (size_t i = 0; i < count; i++) {
        const struct dmi_dimm *dimm = &dmi->dimms.items[i];

        dimm_facts(dmi, i, twin[i]);
        populated += dimm->size_mb.value != 0;
        if (dimm->size_mb.value > 0 && __builtin_add_overflow(total, dimm->size_mb.value, &total))
            total = INT64_MAX;
    }
    gather_number(g, GATHER_HOST, FACT_CONFIG, line, STR("dimm.count"), populated, STR(""));
    gather_number(g, GATHER_HOST, FACT_CONFIG, line, STR("dimm.slots"), (int64_t)count, STR(""));
    gather_number(g, GATHER_HOST, FACT_CONFIG, line, STR("dimm.total_mb"), total, STR(""));
    common_speed(dmi);
out:
    free(order);
    free(twin);
}

int dmi_done(struct dmi *dmi, struct err *err)
{
    int r;

    for (size_t i = 0; i < dmi->socket_count; i++)
        socket_facts(dmi, i);
    if (dmi->dimms.count)
        memory_facts(dmi);
    dmi->gather.failed |= dmi->lower.failed;
    r = gather_done(&dmi->gather, err);
    vec_done(&dmi->dimms);
    buf_done(&dmi->lower);
    return r;
}
