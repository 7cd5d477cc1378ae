"""The desk's page: one self-contained HTML file that asks the API every second.

Owns: what a person sees. All text from events is set as text, never as HTML.
"""

PAGE = """<!doctype html>
<html lang="zh-CN"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>工单台 Ticket desk</title>
<style>
:root{--bg:#f4f6f8;--card:#fff;--ink:#1d2733;--dim:#66768a;--line:#dfe5ec;--P1:#c62828;--P2:#e07b00;--P3:#1f6fb2;--P4:#6b7a8c;--ok:#2e8b57}
@media(prefers-color-scheme:dark){:root{--bg:#12171d;--card:#1b232c;--ink:#e6ecf2;--dim:#8fa0b3;--line:#2b3743}}
*{box-sizing:border-box}body{margin:0;background:var(--bg);color:var(--ink);font:15px/1.45 system-ui,"Noto Sans CJK SC",sans-serif}
header{padding:18px 20px 6px;display:flex;flex-wrap:wrap;gap:10px 28px;align-items:baseline}h1{font-size:20px;margin:0}
.n{font-variant-numeric:tabular-nums}.n b{font-size:20px;margin-right:4px}.dim{color:var(--dim)}
main{padding:12px 20px 40px;display:grid;gap:12px;grid-template-columns:repeat(auto-fill,minmax(280px,1fr))}
article{background:var(--card);border:1px solid var(--line);border-left:5px solid var(--c);border-radius:8px;padding:12px 14px}
article.resolved{opacity:.6;--c:var(--ok)!important}
.t{font-weight:600;margin:2px 0 6px}.row{display:flex;justify-content:space-between;gap:8px}
.p{color:#fff;background:var(--c);border-radius:4px;padding:0 7px;font-weight:600}
#bad{background:var(--P1);color:#fff;padding:6px 20px;display:none}
</style></head><body><div id="bad">连接中断 · no answer from the desk</div>
<header><h1>工单台 <span class="dim">Ticket desk</span></h1>
<span class="n"><b id="open">–</b>处理中 open</span><span class="n"><b id="resolved">–</b>已恢复 recovered</span>
<span class="n"><b id="events">–</b>事件 events</span><span class="n"><b id="devices">–</b>设备 devices</span>
<span class="n dim"><b id="duplicates">–</b>重复 duplicates</span><span class="n dim"><b id="holes">–</b>缺号 holes</span></header>
<main id="list"></main>
<script>
const el=(tag,cls,text)=>{const e=document.createElement(tag);if(cls)e.className=cls;if(text!=null)e.textContent=text;return e};
const age=ns=>{const s=Math.max(0,Date.now()/1000-ns/1e9);return s<90?Math.round(s)+' s':s<5400?Math.round(s/60)+' min':Math.round(s/3600)+' h'};
async function show(){try{
 const [s,t]=await Promise.all(['api/stats','api/tickets?limit=120'].map(u=>fetch(u).then(r=>r.json())));
 for(const k of ['open','resolved','events','devices','duplicates'])document.getElementById(k).textContent=s[k];
 document.getElementById('holes').textContent=s.holes.length;
 const list=t.tickets.sort((a,b)=>(a.state==='open'?0:1)-(b.state==='open'?0:1)||(a.priority||'P9').localeCompare(b.priority||'P9')||b.number-a.number);
 document.getElementById('list').replaceChildren(...list.map(x=>{
  const a=el('article',x.state);a.style.setProperty('--c','var(--'+(['P1','P2','P3','P4'].includes(x.priority)?x.priority:'P4')+')');
  const r=el('div','row');r.append(el('span','p',x.priority||'–'),el('span','dim','#'+x.number+' · '+(x.state==='open'?'处理中 open':'已恢复 recovered')));
  const b=el('div','row dim');b.append(el('span','',x.location||x.device||''),el('span','',age(x.opened_ns)));
  a.append(r,el('div','t',x.title||x.dedup_key),b);return a}));
 document.getElementById('bad').style.display='none'}catch(e){document.getElementById('bad').style.display='block'}
 setTimeout(show,1000)}
show();
</script></body></html>
"""
