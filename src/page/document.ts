// The page's document: what is there before any answer. Nothing of the daemon's state is written into it.

export const DOCUMENT = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>dwgd</title>
<link rel="icon" href="page/icon.svg">
<link rel="stylesheet" href="page/style.css">
<script type="module" src="page/main.js"></script>
</head>
<body>
<header>
<h1>dwgd <small id="version"></small></h1>
<span id="health" role="status"></span>
<span id="counts"></span>
<span id="live">asking…</span>
<label class="search">Find <input id="search" type="search" autocomplete="off" spellcheck="false" aria-keyshortcuts="/"></label>
</header>
<main id="main">
<section id="problems" hidden aria-labelledby="problem-count">
<h2 id="problem-count" role="status"></h2>
<ul id="problem-list"></ul>
</section>
<section id="picture" aria-label="Topology">
<p id="empty">No network of the driver, and no container with labels.</p>
<svg id="graph" role="group" aria-label="Containers, gateways and tunnels: arrow keys go from one to the next, Enter opens"></svg>
</section>
<section id="details" hidden aria-labelledby="opened"></section>
</main>
<footer>
<ul class="legend" aria-label="Legend">
<li class="route">route</li><li class="tunnel">tunnel</li><li class="forward">forwarded port</li><li class="broken">not in force</li>
</ul>
<noscript>This page needs JavaScript. <code>dwgd status</code> says the same.</noscript>
</footer>
</body>
</html>
`;
