#include "pci/lspci.h"

#include "pci/config.h"
#include "pci/hex.h"
#include "pci/lspci_caps.h"
#include "pci/lspci_clean.h"
#include "pci/lspci_index.h"
#include "pci/lspci_lines.h"
#include "pci/registers.h"

#include <errno.h>

/* What the parse of one dump carries along. */
struct dump {
    struct node *node;
    uint16_t source;
    uint32_t line; /* of the text's first line in the source, from 1 */
    uint32_t last; /* subject of the last device */
    const struct lspci_options *options;
    struct err *err;
    bool pcie, extended, denied; /* some device shows an Express, an extended capability, none */
    bool terse, detailed;        /* some device is as -v shows it, as -vv and more do */
    bool again;                  /* a device comes twice */
    bool modern, old; /* a link shows that lspci is 3.7 or newer, or hints that it is not */
    bool grouped;     /* some device shows its IOMMU group, as since 3.7 */
};

/* A device has some 30 chunks; what a hostile text has beyond this is not read. */
#define DEVICE_CHUNKS_MAX 4096

struct device_sink {
    struct dump *dump;
    uint32_t subject, line; /* of the chunk */
    bool terse;             /* a device of lspci -v: of capabilities there is one line each */
};

static void put_block(void *arg, const struct fact_block *block, uint32_t line)
{
    struct device_sink *sink = arg;

    node_attach(sink->dump->node, sink->subject, block, sink->dump->source, sink->line + line);
}

/* The text of a device's chunk. */
static struct str chunk_text(const struct lspci_index *index, const struct lspci_device *device,
                             uint32_t i)
{
    const struct lspci_chunk *chunk = &index->chunks.items[device->chunk + i];

    return str_range(chunk->p,
                     i + 1 < device->chunk_count ? chunk[1].p : device->body.p + device->body.len);
}

static bool below_header(struct str chunk)
{
    return str_starts(chunk, "\tSubsystem:") || str_starts(chunk, "\tDeviceName:");
}

/* Lines that only the kernel or the tool knows, not the config bytes. */
static bool not_in_bytes(struct str chunk)
{
    static const char *const labels[] = {
        "\tRegion ",    "\tExpansion ROM", "\tNUMA node:",       "\tIOMMU group:",
        "\tKernel ",    "\tPhysical Slot", "\tDevice tree node", "\tFlags:",
        "\tMemory at ", "\tI/O ports at ", "\tInterrupt:",
    };

    for (size_t i = 0; i < ARRAY_LEN(labels); i++)
        if (str_starts(chunk, labels[i]))
            return true;
    return false;
}

/* Capabilities whose one line in `lspci -v` says something; of the rest nothing is known then. */
static bool says_much(struct str chunk, bool extended)
{
    return !extended || str_find(chunk, "Serial Number") >= 0 ||
           memchr(chunk.p, '\n', chunk.len - 1);
}

/* Links tell how old the lspci is: LnkCap2, which any link of 8GT/s and more has, is printed since
 * 3.7, as IOMMU groups are. */
static void tell_age(struct dump *dump, struct str chunk)
{
    if (str_find(chunk, "\tLnkCap2:") >= 0)
        dump->modern = true;
    else if (str_find(chunk, "\tLnkCtl2:") >= 0 && str_find(chunk, "Speed 2.5GT/s") < 0 &&
             str_find(chunk, "Speed 5GT/s") < 0)
        dump->old = true;
}

static void parse_cap(struct dump *dump, struct str chunk, struct device_sink *sink, bool skip)
{
    const char *newline = memchr(chunk.p, '\n', chunk.len);
    struct str first = str_range(chunk.p + 1, newline ? newline : chunk.p + chunk.len);
    struct registers r;
    const char *close;
    bool extended;

    switch (lspci_cap_kind(first, &extended)) {
    case CAP_DENIED:
        dump->denied = true;
        node_add_unseen(dump->node, (int)sink->subject, dump->source, "*", "PCI capabilities",
                        "lspci ran without root");
        return;
    case CAP_BROKEN:
        if (skip)
            return; /* the bytes tell it again */
        registers_begin(&r, dump->node->builder, STR("Cap"));
        registers_text(&r, 0, STR("chain"),
                       str_find(first, "looped") >= 0 ? STR("looped") : STR("broken"));
        put_block(sink, fact_end(dump->node->builder), 0);
        node_add_unseen(dump->node, (int)sink->subject, dump->source, "*",
                        "the rest of the PCI capabilities", "the chain of capabilities is broken");
        return;
    case CAP_NONE:
        return;
    case CAP_BLOCK:
        break;
    }
    dump->extended |= extended;
    close = memchr(first.p, ']', first.len);
    if (close && str_starts(str_range(close, first.p + first.len), "] Express")) {
        dump->pcie = true;
        if (!dump->modern)
            tell_age(dump, chunk);
    }
    if (!skip && (!sink->terse || says_much(chunk, extended)))
        put_block(sink, lspci_cap_parse(dump->node->builder, chunk), 0);
}

/* Bytes that are all ones come from a device that did not answer. */
static bool answers(struct str bytes)
{
    return bytes.len < 4 || memcmp(bytes.p, "\xff\xff\xff\xff", 4) != 0;
}

/* Some root ports have a class that is no bridge's; the lines of a bridge tell. "Bus:" is among the
 * first: nothing but registers of the header stands above it, and the windows follow it. */
static enum lspci_shape shape_of(const struct lspci_index *index, const struct lspci_device *device)
{
    enum lspci_shape shape = LSPCI_SHAPE_UNKNOWN;

    for (uint32_t i = 1; i < device->chunk_count && i < 24; i++) {
        struct str chunk = chunk_text(index, device, i);

        if (str_starts(chunk, "\tBus: primary"))
            shape = LSPCI_SHAPE_BRIDGE;
        else if (shape == LSPCI_SHAPE_BRIDGE && str_starts(chunk, "\tMemory window 0:"))
            return LSPCI_SHAPE_CARDBUS;
        else if (str_starts(chunk, "\tCapabilities:"))
            break;
    }
    return shape;
}

/* The bytes decide when they are the whole of config space, or more than the text. */
static bool bytes_decide(enum lspci_prefer prefer, struct str body, size_t byte_count)
{
    if (prefer == LSPCI_BYTES || byte_count > 256)
        return byte_count > 0;
    if (byte_count == 256)
        return str_find(body, "\n\tCapabilities:") < 0;
    return byte_count >= 64 && !memchr(body.p, '\t', body.len);
}

static bool has_blocks_of(const struct subject *subject, uint16_t source)
{
    return subject->count && subject->refs[subject->count - 1].source == source;
}

static int parse_device(struct dump *dump, const struct lspci_index *index,
                        const struct lspci_device *device)
{
    enum lspci_prefer prefer = dump->options->prefer;
    struct device_sink sink = {.dump = dump, .line = dump->line + device->line};
    struct lspci_sink lines = {.put = put_block, .arg = &sink};
    struct fact_builder *builder = dump->node->builder;
    struct str chunk, header;
    uint8_t bytes[HEX_BYTES_MAX];
    size_t byte_count = 0;
    uint32_t i = 1;
    bool from_bytes = false;
    int r;

    sink.subject = dump->last = node_pci(dump->node, device->bdf);
    if (has_blocks_of(&dump->node->subjects[sink.subject], dump->source)) {
        dump->again = true;
        return 0;
    }
    if (device->hex.len && dump->options->decode && prefer != LSPCI_TEXT) {
        byte_count = hex_rows(device->hex, bytes);
        if (!answers((struct str){(const char *)bytes, byte_count}))
            byte_count = 0;
        from_bytes = bytes_decide(prefer, device->body, byte_count);
    }
    header = chunk_text(index, device, 0);
    for (; i < device->chunk_count && below_header(chunk = chunk_text(index, device, i)); i++)
        header.len += chunk.len;
    if (!from_bytes)
        put_block(&sink, lspci_header_parse(builder, header, shape_of(index, device)), 0);
    dump->detailed |= i < device->chunk_count;
    for (; i < device->chunk_count && i < DEVICE_CHUNKS_MAX; i++) {
        chunk = chunk_text(index, device, i);
        sink.line = dump->line + index->chunks.items[device->chunk + i].line;
        if (str_starts(chunk, "\tFlags:"))
            dump->terse = sink.terse = true;
        dump->grouped = dump->grouped || str_starts(chunk, "\tIOMMU group:");
        if (str_starts(chunk, "\tCapabilities:"))
            parse_cap(dump, chunk, &sink, from_bytes);
        else if (!from_bytes || not_in_bytes(chunk))
            lspci_line_parse(builder, chunk, &lines);
    }
    if (!from_bytes)
        return 0;
    r = dump->options->decode(dump->node, dump->source, device->bdf,
                              (struct str){(const char *)bytes, byte_count},
                              dump->line + device->hex_line, dump->err);
    sink.line = dump->line + device->line;
    put_block(
        &sink,
        lspci_header_parse(builder, header, r < 0 ? shape_of(index, device) : LSPCI_SHAPE_LABELS),
        0);
    dump->detailed = true;
    return r == -ENOMEM ? r : 0;
}

/* Line number, from 1, at which `text` starts in the source's text; 1 when it is no part of it. */
static uint32_t first_line(const struct source *source, struct str text)
{
    const char *p = source->text.p;
    uint32_t line = 1;

    if (!p || text.p < p || text.p >= p + source->text.len)
        return 1;
    while ((p = memchr(p, '\n', (size_t)(text.p - p)))) {
        line++;
        p++;
    }
    return line;
}

/* Put the repaired text in the source's place. */
static int repair(struct node *node, struct source *source, struct str *text, uint32_t first)
{
    struct lspci_clean clean;
    uint32_t *lines;
    int r = lspci_clean(node->arena, *text, &clean);

    if (r < 0)
        return r;
    lines = (uint32_t *)clean.lines;
    for (uint32_t i = 0; i < clean.line_count; i++)
        lines[i] += first - 1;
    source->text = *text = clean.text;
    source->lines = clean.lines;
    return 0;
}

/* What this dump as a whole does not show. */
static void tell_unseen(const struct dump *dump, struct str text)
{
    struct node *node = dump->node;

    /* lspci with a -v ends each device with an empty line. */
    if (dump->detailed && text.p[text.len - 1] != '\n')
        node_add_unseen(node, (int)dump->last, dump->source, "*", "the end of the text of lspci",
                        "it stops in the middle of a line: what follows was not seen, and may be "
                        "called missing");

    if (!dump->detailed)
        node_add_unseen(node, -1, dump->source,
                        CAP_BLOCKS_STANDARD " " CAP_BLOCKS_EXTENDED
                                            " Control Status Bus BridgeCtl Region* *Window",
                        "settings and capabilities of PCI devices",
                        "a list of devices, taken without lspci -vvv");
    else if (dump->terse)
        node_add_unseen(node, -1, dump->source, CAP_BLOCKS_STANDARD " " CAP_BLOCKS_EXTENDED,
                        "registers of PCI capabilities",
                        "lspci ran with one -v; it shows them from -vv on");
    else if (dump->pcie && !dump->extended && !dump->denied)
        node_add_unseen(node, -1, dump->source, CAP_BLOCKS_EXTENDED,
                        "extended PCI capabilities (ACS, AER ...)",
                        "config space above 256 bytes was not readable (no ECAM/MMCONFIG, or lspci "
                        "without root)");
    if (dump->old && !dump->modern && !dump->grouped)
        node_add_unseen(node, -1, dump->source, "IOMMU", "IOMMU groups",
                        "written by an lspci before 3.7, which does not print them");
    if (dump->again)
        node_add_unseen(node, -1, dump->source, NULL, "a second dump in the same file",
                        "only the first time that a device is listed was read");
}

static int no_device(struct node *node, uint16_t source, struct str text, struct err *err)
{
    if (!lspci_has_loose_registers(text))
        return err_set(err, -EINVAL, "no device as lspci prints it");
    node_add_unseen(node, -1, source, NULL, "registers without the devices they belong to",
                    "unattributable: the lines of lspci were picked out without device names");
    return 0;
}

int lspci_parse_with(struct node *node, uint16_t source, struct str text,
                     const struct lspci_options *options, struct err *err)
{
    struct dump dump = {.node = node, .source = source, .options = options, .err = err};
    struct str original = text;
    struct lspci_index index;
    int r = lspci_index_build(&index, text);

    dump.line = first_line(&node->sources[source], text);
    if (r == 0 && index.dirty && lspci_looks_like(text)) {
        r = repair(node, &node->sources[source], &text, dump.line);
        dump.line = 1;
        lspci_index_done(&index);
        if (r == 0)
            r = lspci_index_build(&index, text);
    }
    if (r < 0)
        goto out;
    if (!index.devices.count) {
        r = no_device(node, source, original, err);
        goto out;
    }
    for (size_t i = 0; i < index.devices.count && r == 0; i++)
        r = parse_device(&dump, &index, &index.devices.items[i]);
    tell_unseen(&dump, original);
out:
    lspci_index_done(&index);
    if (r == 0)
        r = node_ok(node);
    return r == -ENOMEM ? err_set(err, r, "no memory for the facts of lspci") : r;
}

int lspci_parse(struct node *node, uint16_t source, struct str text, struct err *err)
{
    static const struct lspci_options best = {.prefer = LSPCI_BEST, .decode = pci_config_rows};

    return lspci_parse_with(node, source, text, &best, err);
}
