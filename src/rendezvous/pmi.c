#include "rendezvous/pmi.h"

#include <errno.h>
#include <stdlib.h>

static const struct {
    const char *name, *answer;
    enum pmi_verb verb;
} commands[] = {
    {"init", "response_to_init", PMI_INIT},
    {"get_maxes", "maxes", PMI_GET_MAXES},
    {"get_appnum", "appnum", PMI_GET_APPNUM},
    {"get_my_kvsname", "my_kvsname", PMI_GET_MY_KVSNAME},
    {"get_universe_size", "universe_size", PMI_GET_UNIVERSE_SIZE},
    {"put", "put_result", PMI_PUT},
    {"get", "get_result", PMI_GET},
    {"barrier_in", "barrier_out", PMI_BARRIER_IN},
    {"finalize", "finalize_ack", PMI_FINALIZE},
    {"abort", "", PMI_ABORT},
    {"publish_name", "publish_result", PMI_PUBLISH},
    {"unpublish_name", "unpublish_result", PMI_UNPUBLISH},
    {"lookup_name", "lookup_result", PMI_LOOKUP},
    {"spawn", "spawn_result", PMI_SPAWN},
};

struct pmi *pmi_new(uint32_t rank)
{
    struct pmi *pmi = calloc(1, sizeof(*pmi));

    if (pmi)
        pmi->rank = rank;
    return pmi;
}

void pmi_free(struct pmi *pmi)
{
    if (!pmi)
        return;
    buf_done(&pmi->in);
    free(pmi);
}

int pmi_feed(struct pmi *pmi, struct str bytes)
{
    if (pmi->at) {
        pmi->in.len -= pmi->at;
        memmove(pmi->in.p, pmi->in.p + pmi->at, pmi->in.len);
        pmi->at = 0;
    }
    buf_add(&pmi->in, bytes.p, bytes.len);
    return pmi->in.failed ? -ENOMEM : 0;
}

/* The rest of the line behind "name="; a value may have blanks in it only when it is the last. */
static bool find_field(struct str line, const char *name, bool to_end, struct str *out)
{
    struct str word;

    while (str_word(&line, &word)) {
        struct str rest = word, head;

        if (!str_cut(&rest, '=', &head) || !str_is(head, name))
            continue;
        *out = to_end ? str_range(rest.p, line.p + line.len) : rest;
        return true;
    }
    return false;
}

/* As a parent would see it, but never 0: the job has failed. */
static int exit_code_of(struct str line)
{
    struct str text;
    int64_t code = 0;

    if (find_field(line, "exitcode", false, &text))
        (void)str_to_i64(text, 10, &code);
    return code & 0xff ? (int)(code & 0xff) : 1;
}

static int parse(struct str line, struct pmi_command *out, struct err *err)
{
    struct str name;

    *out = (struct pmi_command){.verb = PMI_UNKNOWN, .text = line};
    if (!find_field(line, "cmd", false, &name) && !find_field(line, "mcmd", false, &name))
        return err_set(err, -EPROTO, "PMI: a line without cmd=: %.*s",
                       (int)(line.len < 80 ? line.len : 80), line.p);
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        if (str_is(name, commands[i].name))
            out->verb = commands[i].verb;
    if (out->verb == PMI_PUT && !(find_field(line, "key", false, &out->key) &&
                                  find_field(line, "value", true, &out->value)))
        return err_set(err, -EPROTO, "PMI: a put without key and value");
    if (out->verb == PMI_GET && !find_field(line, "key", false, &out->key))
        return err_set(err, -EPROTO, "PMI: a get without a key");
    if (out->verb == PMI_ABORT)
        out->number = exit_code_of(line);
    if (out->key.len > PMI_KEY_MAX || out->value.len > PMI_VALUE_MAX)
        return err_set(err, -EPROTO, "PMI: a key of %zu or a value of %zu bytes, at most %d and %d",
                       out->key.len, out->value.len, PMI_KEY_MAX, PMI_VALUE_MAX);
    return 1;
}

/* Between mcmd=spawn and endcmd come lines of what to spawn, which is not supported. */
static bool is_inside_spawn(struct pmi *pmi, struct str line)
{
    if (!pmi->spawning) {
        pmi->spawning = str_starts(line, "mcmd=");
        return pmi->spawning;
    }
    pmi->spawning = !str_is(line, "endcmd");
    return pmi->spawning;
}

int pmi_next(struct pmi *pmi, struct pmi_command *out, struct err *err)
{
    struct str rest = {pmi->in.p + pmi->at, pmi->in.len - pmi->at};

    while (rest.len) {
        const char *end = memchr(rest.p, '\n', rest.len);
        struct str line;
        bool was_spawning = pmi->spawning;

        if (!end)
            break;
        line = str_trim(str_range(rest.p, end));
        rest = str_skip(rest, (size_t)(end - rest.p) + 1);
        pmi->at = pmi->in.len - rest.len;
        if (is_inside_spawn(pmi, line))
            continue;
        if (was_spawning) {
            *out = (struct pmi_command){.verb = PMI_SPAWN};
            return 1;
        }
        return parse(line, out, err);
    }
    if (rest.len > PMI_LINE_MAX)
        return err_set(err, -EPROTO, "PMI: a line of more than %d bytes", PMI_LINE_MAX);
    return 0;
}

static const char *answer_name(enum pmi_verb verb)
{
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        if (commands[i].verb == verb)
            return commands[i].answer;
    return "unknown";
}

void pmi_say_init(struct buf *out)
{
    buf_puts(out, "cmd=response_to_init pmi_version=1 pmi_subversion=1 rc=0\n");
}

void pmi_say_maxes(struct buf *out)
{
    buf_printf(out, "cmd=maxes kvsname_max=256 keylen_max=%d vallen_max=%d rc=0\n", PMI_KEY_MAX,
               PMI_VALUE_MAX);
}

void pmi_say_number(struct buf *out, enum pmi_verb verb, uint32_t number)
{
    buf_printf(out, "cmd=%s %s=%u rc=0\n", answer_name(verb),
               verb == PMI_GET_APPNUM ? "appnum" : "size", number);
}

void pmi_say_kvsname(struct buf *out)
{
    buf_puts(out, "cmd=my_kvsname kvsname=firstlight rc=0\n");
}

void pmi_say_put(struct buf *out)
{
    buf_puts(out, "cmd=put_result rc=0 msg=success\n");
}

void pmi_say_get(struct buf *out, bool there, struct str value)
{
    if (there)
        buf_printf(out, "cmd=get_result rc=0 msg=success value=%.*s\n", STR_ARG(value));
    else
        buf_puts(out, "cmd=get_result rc=-1 msg=key_not_found value=unknown\n");
}

void pmi_say_barrier(struct buf *out)
{
    buf_puts(out, "cmd=barrier_out rc=0\n");
}

void pmi_say_finalize(struct buf *out)
{
    buf_puts(out, "cmd=finalize_ack rc=0\n");
}

void pmi_say_unsupported(struct buf *out, enum pmi_verb verb)
{
    buf_printf(out, "cmd=%s rc=-1 msg=not_supported_by_firstlight\n", answer_name(verb));
}

void pmi_mapping(struct buf *out, uint32_t world, uint32_t nproc)
{
    uint32_t whole = world / nproc, rest = world % nproc;

    buf_puts(out, "(vector");
    if (whole)
        buf_printf(out, ",(0,%u,%u)", whole, nproc);
    if (rest)
        buf_printf(out, ",(%u,1,%u)", whole, rest);
    buf_puts(out, ")");
}
