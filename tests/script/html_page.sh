#!/usr/bin/env bash
# The HTML page is one file that asks for no other, and what stands in somebody's dump stays text.
set -eu
bin=$FIRSTLIGHT_BIN/firstlight
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
evil='<script>alert(1)</script><img src=http://evil.example/x onerror=alert(2)>"\x27&amp;'
mkdir -p "fleet/n1" "fleet/<b onclick=alert(3)>n2&" fleet/n3
for node in fleet/*; do
    {
        printf '00:01.0 PCI bridge: %b (rev 01) (prog-if 00 [Normal decode])\n' "$evil"
        printf '\tBus: primary=00, secondary=01, subordinate=01, sec-latency=0\n'
        printf '\tCapabilities: [40] Express (v2) Root Port (Slot+), MSI 00\n'
        printf '\t\tLnkCap:\tPort #1, Speed 16GT/s, Width x16, ASPM L1\n'
        printf '\t\tLnkSta:\tSpeed 16GT/s, Width x16\n'
        printf '\t\t\tTrErr- Train- SlotClk+ DLActive+ BWMgmt- ABWMgmt-\n'
        printf '01:00.0 Infiniband controller: Mellanox Technologies %b [15b3:1021]\n' "$evil"
        printf '\tCapabilities: [40] Express (v2) Endpoint, MSI 00\n'
        printf '\t\tDevCtl:\tCorrErr+ NonFatalErr+ FatalErr+ UnsupReq+\n'
        printf '\t\t\tMaxPayload 256 bytes, MaxReadReq %s bytes\n' "$([ "$node" = fleet/n3 ] && echo 512 || echo 4096)"
        printf '\t\tLnkCap:\tPort #0, Speed 16GT/s, Width x16, ASPM L1\n'
        printf '\t\tLnkSta:\tSpeed 16GT/s, Width x8 (downgraded)\n'
        printf '\t\t\tTrErr- Train- SlotClk+ DLActive- BWMgmt- ABWMgmt-\n'
        printf '\tKernel driver in use: %b\n' "$evil"
    } >"$node/lspci.txt"
done
printf '[    1.0] NVRM: Xid (PCI:0000:01:00): 79, pid=1, name=%b, GPU has fallen off the bus.\n' "$evil" >fleet/n3/dmesg.txt
printf 'n1,100\n<b onclick=alert(3)>n2&,100\nn3,40\n' >bw.csv
"$bin" explain -q --metric bw.csv --html page.html fleet >text || [ $? = 1 ]
"$bin" inspect -q --html inspect.html fleet >/dev/null || [ $? = 1 ]
for page in page.html inspect.html; do
    python3 - $page <<'PYTHON'
import html.parser, sys

VOID = {"meta", "br", "hr", "img", "link", "input"}
TAGS = {"html", "head", "meta", "title", "style", "body", "main", "header", "footer", "section", "article", "h1", "h2", "h3",
        "p", "dl", "dt", "dd", "div", "span", "code", "pre", "table", "thead", "tbody", "tr", "th", "td", "ul", "ol", "li",
        "strong", "em", "b", "i", "br", "hr", "details", "summary", "a"}
failed = False


def wrong(text):
    global failed
    failed = True
    print("WRONG:", sys.argv[1], text)


class Page(html.parser.HTMLParser):
    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.open, self.text, self.style = [], "", ""

    def handle_starttag(self, tag, attributes):
        if tag not in TAGS:
            wrong(f"the tag <{tag}>")
        for name, value in attributes:
            if name.startswith("on") or name in ("src", "srcset", "style", "action", "data"):
                wrong(f"the attribute {name}={value}")
            if name == "href" and not value.startswith("#"):
                wrong(f"a reference to {value}")
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            wrong(f"</{tag}> closes what is not open")

    def handle_data(self, data):
        if self.open and self.open[-1] == "style":
            self.style += data
        else:
            self.text += data


text = open(sys.argv[1], encoding="utf-8").read()
page = Page()
page.feed(text)
page.close()
if page.open:
    wrong(f"left open: {page.open}")
if "url(" in page.style or "@import" in page.style:
    wrong("the style asks for another file")
if not text.lower().startswith("<!doctype html>") or "charset" not in text.lower():
    wrong("no doctype or charset")
for words in "<script>alert(1)</script>", "<b onclick=alert(3)>n2&":
    if words not in page.text:
        wrong(f"{words} was lost, so its escaping was not seen")
sys.exit(failed)
PYTHON
done
