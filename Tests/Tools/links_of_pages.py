#!/usr/bin/env python3
"""Draws pages of HTML at random and tells the links that other parsers find in them.

    links_of_pages.py SEED COUNT          prints a line of JSON a page:
        {"page": TEXT, "lxml": [[TAG, HREF], ...], "html5lib": [[TAG, HREF], ...]}

The links are the elements a, area, base and link that have an href, in the order of the page, with
the text of the attribute. Of html5lib, they are the tags as its tokenizer gives them to its tree, which
has it read text as the standard says; lxml's are those of the tree.
"""

import json
import random
import sys

import html5lib
import lxml.etree

TAGS = {"a", "area", "base", "link"}

# Pieces that have been trouble to parsers, between two spaces: what opens and closes text, comments
# and attributes, and what only looks so. % is an address.
PIECES = r"""
<a href=%>  <a href='%'>  <a href="%">  <A HREF=%>  <a/href=%>  <a\nhref\t=\f'%'>  <a href=% href=z>
<a href>  <a href= >  <a href=''>  <a name=x href="%"/>  <a href="%"class=x>  <a class='>' href=%>
<a b=" href=%>  <a b=' href=%>  <a b='"' href=%>  <a href="%  <a href=%  <a =href=%>  <a href==%>  <a / href=%>
<area href=%>  <link href=% rel=next>  <base href=%>  </a>  </a href=%>  <abbr href=%>  <a xlink:href=%>
<!--  -->  <!-->  <!--->  <!---->  <!-- --!>  <!-- <a href=%> -->  <!-- <!-- -->  <!--x--!-y-->  <!-- >  <!  >
<?x ?>  <?x >  <!DOCTYPE html>  <!DOCTYPE a "b>">  <![CDATA[  ]]>  ]]]>  </>  </ >  <>  <  <3  &  &amp;  &#38;
<script>  </script>  <script><!--  </script >  <script><!--<script>  --></script>  <SCRIPT >  </SCRIPT/>
<script>"</scr"+"ipt>"  <style>  </style>  <style><!--  </style><a href=%>  <title>  </title>  </titl></title>
<textarea>  </textarea >  <xmp>  </xmp>  <iframe>  </iframe>  <noscript>  </noscript>  <noembed>  </noembed>
<p>  </p>  <div class="x">  </div>  <b>  </b>  <i>  </i>  <br/>  <img src=x>  <table>  </table>  <ul><li>
<svg>  </svg>  <math>  </math>  <svg><style/>  <svg/>  <svg><foreignObject>  </foreignObject></svg>  <em>  </em>
text  \n  -  --  "  '  =  /  ;  é  \0
"""
ADDRESSES = [
    "x", "y?a=b&amp;c", "é", "/z", "a b", "&copy", "&copy=1", "&notit;", "&eacute;", "&#x80;", "&#0;", "<b>",
    "&NotEqualTilde;", "a&b", "&amp", "&#xD800;", "&lt", "&hearts;", "&ampx", "w\0w", "&",
]


def pieces():
    """Yields all pieces, and those that are links often."""
    for piece in PIECES.replace("\n", "  ").split("  "):
        if piece:
            piece = piece.encode().decode("raw_unicode_escape").encode("latin-1").decode()
            yield from [piece] * (10 if piece.startswith("<a href=") and piece.endswith(">") else 1)


def draw(generator, choice):
    page = "".join(generator.choice(choice) for _ in range(generator.randint(1, 16)))
    parts = page.split("%")
    for number in range(1, len(parts)):
        parts[number] = f"{generator.choice(ADDRESSES)}{number}" + parts[number]
    return "".join(parts)


def of_lxml(page):
    parser = lxml.etree.HTMLParser(encoding="utf-8", huge_tree=True)
    tree = lxml.etree.fromstring((page or " ").encode(), parser=parser)
    return [] if tree is None else [
        [element.tag, element.get("href")] for element in tree.iter()
        if element.tag in TAGS and element.get("href") is not None]


cut = html5lib._tokenizer.HTMLTokenizer.__iter__


def cut_and_keep(tokenizer):
    """Keeps the tags as they come, before the tree drops, moves or doubles them."""
    found = tokenizer.parser.found = []
    for token in cut(tokenizer):
        if token["type"] == html5lib.constants.tokenTypes["StartTag"]:
            href = dict(token["data"]).get("href")
            if token["name"] in TAGS and href is not None:
                found.append([token["name"], href])
        yield token


html5lib._tokenizer.HTMLTokenizer.__iter__ = cut_and_keep


def of_html5lib(page):
    parser = html5lib.HTMLParser()
    parser.parse(page)
    return parser.found


def main():
    generator = random.Random(int(sys.argv[1]))
    choice = list(pieces())
    for _ in range(int(sys.argv[2])):
        page = draw(generator, choice)
        print(json.dumps({"page": page, "lxml": of_lxml(page), "html5lib": of_html5lib(page)}))


if __name__ == "__main__":
    main()
