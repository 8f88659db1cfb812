"""stub"""
from postgres.results import Results
import json
def written(results: Results, *, quick: bool) -> str:
    out=[]
    for scene, by in results.samples.items():
        for name, s in by.items():
            keys=s[0].keys()
            out.append(f"{scene:16} {name:22} "+" ".join(f"{k}={results.figure((scene,name,k)).median:.4g}" for k in keys))
    return "\n".join(out)+"\n"+json.dumps(results.missing, indent=1)+json.dumps(results.facts)
