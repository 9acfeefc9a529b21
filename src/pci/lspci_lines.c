#include "pci/lspci_lines.h"

#include "pci/registers.h"

/* One for each row of the table, so that equal texts under different labels stay apart: the label
 * is part of the text, so one kind would do; the regions of `lspci -v` differ by number only. */
#define CACHE_KIND 0x7010

/* ---- one block each; `text` is the line behind its label ---- */

static void line_fields(struct registers *r, struct str text)
{
    registers_fields(r, 0, text);
}

static void line_latency(struct registers *r, struct str text)
{
    struct str word;
    ptrdiff_t at;

    if (str_word(&text, &word)) {
        if (str_ends(word, ","))
            word.len--;
        registers_value(r, 0, STR("latency"), word);
    }
    at = str_find(text, "(");
    if (at >= 0 && str_find(text, ")") > at)
        registers_text(r, 0, STR("range"),
                       str_range(text.p + at + 1, text.p + str_find(text, ")")));
    at = str_find(text, "Cache Line Size:");
    if (at >= 0)
        registers_value(r, 0, STR("cacheline"), str_skip(text, (size_t)at + 16));
}

/* "pin A routed to IRQ 122", "pin ? routed to IRQ 40" */
static void line_interrupt(struct registers *r, struct str text)
{
    struct str word;
    ptrdiff_t irq = str_find(text, "IRQ ");

    if (str_starts(text, "pin ") && text.len > 4)
        registers_text(r, 0, STR("pin"), (struct str){text.p + 4, 1});
    if (irq >= 0) {
        text = str_skip(text, (size_t)irq + 4);
        if (str_word(&text, &word))
            registers_value(r, 0, STR("irq"), word);
    }
}

static void line_numa(struct registers *r, struct str text)
{
    registers_value(r, 0, STR("node"), text);
}

static void line_iommu(struct registers *r, struct str text)
{
    registers_flag(r, 0, STR("present"), true);
    registers_value(r, 0, STR("group"), text);
}

static void line_driver(struct registers *r, struct str text)
{
    registers_text(r, 0, STR("name"), text);
}

static void line_modules(struct registers *r, struct str text)
{
    registers_text(r, 0, STR("names"), text);
}

static void line_slot(struct registers *r, struct str text)
{
    registers_text(r, 0, STR("physical"), text);
}

static void line_tree(struct registers *r, struct str text)
{
    registers_text(r, 0, STR("node"), text);
}

static void line_bist(struct registers *r, struct str text)
{
    registers_text(r, 0, STR("result"), str_trim(text));
}

static void add_address(struct registers *r, struct str text)
{
    uint64_t address;

    if (str_to_u64(text, 16, &address) == 0)
        registers_number(r, 0, STR("address"), (int64_t)address, text);
}

static void add_size(struct registers *r, int64_t bytes)
{
    char text[SIZE_TEXT_MAX];

    if (bytes > 0)
        registers_number(r, 0, STR("size"), bytes, size_print((uint64_t)bytes, text));
}

/* What stands in "[size=...]", or -1. */
static int64_t find_size(struct str text)
{
    ptrdiff_t at = str_find(text, "[size=");
    ptrdiff_t end;

    if (at < 0)
        return -1;
    text = str_skip(text, (size_t)at + 6);
    end = str_find(text, "]");
    return end < 0 ? -1 : size_parse((struct str){text.p, (size_t)end});
}

/* "Memory at b2000000 (32-bit, non-prefetchable) [size=16M]", "I/O ports at 3000 [disabled]
 * [size=128]", "at b3000000 [virtual] [disabled] [size=512K]" of a ROM */
static void add_region(struct registers *r, struct str text, bool is_virtual)
{
    ptrdiff_t at = str_find(text, "at "), open = str_find(text, "("), close = str_find(text, ")");
    struct str rest, address = {0};
    const char *state = "assigned";

    if (at < 0)
        return;
    rest = str_skip(text, (size_t)at + 3);
    (void)str_word(&rest, &address);
    if (str_starts(address, "<"))
        state = str_is(address, "<unassigned>") ? "unassigned" : "ignored";
    else if (is_virtual)
        state = "virtual";
    else if (str_find(text, "[disabled") >= 0)
        state = "disabled";
    if (str_find(text, "I/O ports at") >= 0)
        registers_text(r, 0, STR("type"), STR("I/O"));
    else if (open >= 0 && close > open)
        registers_text(r, 0, STR("type"), str_range(text.p + open + 1, text.p + close));
    add_size(r, find_size(text));
    registers_text(r, 0, STR("state"), str_of(state));
    add_address(r, address);
}

static void line_region(struct registers *r, struct str text)
{
    add_region(r, text, str_find(text, "[virtual]") >= 0);
}

static void line_virtual_rom(struct registers *r, struct str text)
{
    add_region(r, text, true);
}

/* "f8200000-f83fffff [size=2M] [32-bit]", "[disabled]", "None" */
static void line_window(struct registers *r, struct str text)
{
    struct str rest = text, range, base = {0};
    uint64_t first, last;
    bool used = false;

    if (str_word(&rest, &range) && str_cut(&range, '-', &base) &&
        str_to_u64(base, 16, &first) == 0 && str_to_u64(range, 16, &last) == 0)
        used = first <= last && str_find(text, "[disabled]") < 0;
    if (used) {
        int64_t size = find_size(text);

        add_size(r, size > 0 ? size : (int64_t)(last - first + 1));
        registers_text(r, 0, STR("state"), STR("assigned"));
        add_address(r, base);
    } else {
        registers_text(r, 0, STR("state"), STR("disabled"));
    }
    for (int bits = 16; bits <= 64; bits *= 2) {
        const char *text_bits = bits == 16 ? "[16-bit]" : bits == 32 ? "[32-bit]" : "[64-bit]";

        if (str_find(text, text_bits) >= 0)
            registers_number(r, 0, STR("bits"), bits, (struct str){0});
    }
}

/* "primary=00, secondary=01, subordinate=05, sec-latency=0": hex, but for the latency */
static void line_bus(struct registers *r, struct str text)
{
    struct str piece, name;
    uint64_t number;

    while (str_cut(&text, ',', &piece)) {
        piece = str_trim(piece);
        if (!str_cut(&piece, '=', &name) ||
            str_to_u64(piece, str_is(name, "sec-latency") ? 10 : 16, &number) < 0)
            continue;
        registers_number(r, 0, name, (int64_t)number, piece);
    }
}

static const struct line_kind {
    const char *label; /* as the line starts */
    const char *block; /* NULL: the number behind the label is part of it */
    void (*parse)(struct registers *r, struct str text);
} kinds[] = {
    {"Control:", "Control", line_fields},
    {"Status:", "Status", line_fields},
    {"Latency:", "Latency", line_latency},
    {"Interrupt:", "Interrupt", line_interrupt},
    {"NUMA node:", "NUMA", line_numa},
    {"IOMMU group:", "IOMMU", line_iommu},
    {"Region ", NULL, line_region},
    {"Expansion ROM", "ROM", line_region},
    {"[virtual] Expansion ROM", "ROM", line_virtual_rom}, /* before 3.7 */
    {"Bus:", "Bus", line_bus},
    {"I/O behind bridge:", "IOWindow", line_window},
    {"Memory behind bridge:", "MemWindow", line_window},
    {"Prefetchable memory behind bridge:", "PrefWindow", line_window},
    {"Memory window 0:", "MemWindow0", line_window},
    {"Memory window 1:", "MemWindow1", line_window},
    {"I/O window 0:", "IOWindow0", line_window},
    {"I/O window 1:", "IOWindow1", line_window},
    {"Secondary status:", "SecondaryStatus", line_fields},
    {"BridgeCtl:", "BridgeCtl", line_fields},
    {"Kernel driver in use:", "Driver", line_driver},
    {"Kernel modules:", "Modules", line_modules},
    {"Physical Slot:", "Slot", line_slot},
    {"Device tree node:", "DeviceTree", line_tree},
    {"BIST", "BIST", line_bist},
};

/* `lspci -v` has these instead. */
static const char *const terse_labels[] = {"Flags:", "Memory at ", "I/O ports at "};

bool lspci_is_device_line(struct str text)
{
    if (str_starts(text, "Capabilities:") || str_starts(text, "Subsystem:") ||
        str_starts(text, "DeviceName:") || str_starts(text, "!!!"))
        return true;
    for (size_t i = 0; i < ARRAY_LEN(terse_labels); i++)
        if (str_starts(text, terse_labels[i]))
            return true;
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (str_starts(text, kinds[i].label))
            return !str_starts(text, "Region ") || (text.len > 8 && text.p[8] == ':');
    return false;
}

/* The words of "Flags: bus master, fast devsel, latency 0, IRQ 377, NUMA node 0, IOMMU group 3". */
static const struct {
    const char *word; /* as printed when it is so; flags are off when it is missing */
    const char *block, *name;
} terse_flags[] = {
    {"bus master", "Control", "BusMaster"}, {"VGA palette snoop", "Control", "VGASnoop"},
    {"stepping", "Control", "Stepping"},    {"fast Back2Back", "Control", "FastB2B"},
    {"66MHz", "Status", "66MHz"},           {"user-definable features", "Status", "UDF"},
};

static const struct {
    const char *word, *block, *name;
} terse_values[] = {
    {"latency ", "Latency", "latency"},
    {"IRQ ", "Interrupt", "irq"},
    {"NUMA node ", "NUMA", "node"},
    {"IOMMU group ", "IOMMU", "group"},
};

static bool has_piece(struct str text, const char *word)
{
    struct str piece;

    while (str_cut(&text, ',', &piece))
        if (str_is(str_trim(piece), word))
            return true;
    return false;
}

static void flags_parse(struct fact_builder *builder, struct str text, struct lspci_sink *sink)
{
    static const char *const blocks[] = {"Control", "Status"};
    struct str rest = text, piece;
    struct registers r;

    for (size_t b = 0; b < ARRAY_LEN(blocks); b++) {
        registers_begin(&r, builder, str_of(blocks[b]));
        for (size_t i = 0; i < ARRAY_LEN(terse_flags); i++)
            if (strcmp(terse_flags[i].block, blocks[b]) == 0)
                registers_flag(&r, 0, str_of(terse_flags[i].name),
                               has_piece(text, terse_flags[i].word));
        sink->put(sink->arg, fact_end(builder), 0);
    }
    while (str_cut(&rest, ',', &piece)) {
        piece = str_trim(piece);
        for (size_t i = 0; i < ARRAY_LEN(terse_values); i++) {
            if (!str_starts(piece, terse_values[i].word))
                continue;
            registers_begin(&r, builder, str_of(terse_values[i].block));
            if (str_is(r.block, "IOMMU"))
                registers_flag(&r, 0, STR("present"), true);
            registers_value(&r, 0, str_of(terse_values[i].name),
                            str_skip(piece, strlen(terse_values[i].word)));
            sink->put(sink->arg, fact_end(builder), 0);
        }
    }
}

/* A region without its number: BARs are counted, and one of 64 bits takes two. */
static void terse_region(struct fact_builder *builder, struct str chunk, struct str text,
                         struct lspci_sink *sink)
{
    unsigned number = sink->region < 6 ? sink->region : 5;
    const struct fact_block *block = fact_cached(builder, CACHE_KIND + 1 + number, chunk);
    char name[8] = "RegionN";
    struct registers r;

    sink->region += str_find(text, "(64-bit") >= 0 ? 2 : 1;
    if (!block) {
        name[6] = (char)('0' + number);
        registers_begin(&r, builder, (struct str){name, 7});
        line_region(&r, text);
        block = fact_end_cached(builder, CACHE_KIND + 1 + number, chunk);
    }
    sink->put(sink->arg, block, 0);
}

static const struct fact_block *kind_parse(struct fact_builder *builder,
                                           const struct line_kind *kind, struct str chunk,
                                           struct str text, struct str rest)
{
    char name[8] = "RegionN";
    struct registers r;
    struct str line;

    text = str_skip(text, strlen(kind->label));
    if (kind->block) {
        registers_begin(&r, builder, str_of(kind->block));
    } else {
        if (text.len < 3 || !char_is_digit(text.p[0]) || text.p[1] != ':')
            return NULL;
        name[6] = text.p[0];
        text = str_skip(text, 2);
        registers_begin(&r, builder, (struct str){name, 7});
    }
    kind->parse(&r, str_trim(text));
    for (uint32_t number = 1; str_line(&rest, &line); number++)
        registers_more(&r, number, str_trim(line));
    return fact_end_cached(builder, CACHE_KIND, chunk);
}

void lspci_line_parse(struct fact_builder *builder, struct str chunk, struct lspci_sink *sink)
{
    const struct fact_block *block = fact_cached(builder, CACHE_KIND, chunk);
    struct str rest = chunk, text;
    struct registers r;

    if (block) {
        sink->put(sink->arg, block, 0);
        return;
    }
    if (!str_line(&rest, &text))
        return;
    text = str_trim(text);
    if (text.len > REGISTERS_LINE_MAX)
        text.len = REGISTERS_LINE_MAX;
    if (str_starts(text, "Flags:")) {
        flags_parse(builder, str_skip(text, 6), sink);
        return;
    }
    if (str_starts(text, "Memory at ") || str_starts(text, "I/O ports at ")) {
        terse_region(builder, chunk, text, sink);
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (str_starts(text, kinds[i].label)) {
            block = kind_parse(builder, &kinds[i], chunk, text, rest);
            if (block || kinds[i].block)
                sink->put(sink->arg, block, 0);
            return;
        }
    /* A register right below its device ("LnkSta: ..."), when somebody picked lines out, belongs to
     * the capability it is known from. Lines nobody has heard of are kept too, as lspci words them.
     */
    registers_begin(&r, builder, str_of(block_of_register(text)));
    registers_line(&r, 0, text);
    sink->put(sink->arg, fact_end_cached(builder, CACHE_KIND, chunk), 0);
}
