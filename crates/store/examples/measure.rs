//! x
#![allow(clippy::unwrap_used)]
use lambkin_model::*; use lambkin_store::*; use std::time::Instant; use std::sync::Arc;
fn main(){ let rt=tokio::runtime::Runtime::new().unwrap(); rt.block_on(async{
 let root=std::path::PathBuf::from("/work/targets/store/measure"); let _=std::fs::remove_dir_all(&root); std::fs::create_dir_all(&root).unwrap();
 let key=MasterKey::load_or_create(&root.join("k"),&root.join("d")).unwrap();
 let s=Store::open(Config{data_dir:root.join("d"),log_bytes_per_function_max:64<<20,log_bytes_max:1<<30},key).unwrap();
 let r=UsageRecord{scope:Scope{account:AccountId::new("000000000000").unwrap(),region:Region::new("us-east-1").unwrap()},function:FunctionName::new("hello-world").unwrap(),version:Version::Latest,request_id:RequestId::random(),start:Timestamp(1768232098007),duration_us:1500,billed_ms:2,init_us:None,memory_mb:128,ephemeral_mb:512,architecture:Architecture::X86_64,memory_peak_bytes:40<<20,cpu_us:1000,outcome:Outcome::Success,start_kind:Start::Warm};
 for n in [10000i64,100000]{ let t=Instant::now(); for i in 0..n{ let x=UsageRecord{request_id:RequestId::random(),start:Timestamp(1768232098007+i),..r.clone()}; s.journal().append(&x).unwrap(); } println!("append {n}: {:?} each", t.elapsed()/n as u32);
 let t=Instant::now(); let u=s.usage().totals(&r.scope,Timestamp(0),Timestamp(i64::MAX)).await.unwrap(); println!("drain+totals {:?} {}",t.elapsed(),u[0].totals.requests);}
 let stream:Arc<str>="2026/01/12/[$LATEST]0123456789abcdef0123456789abcdef".into();
 let n=20000; let t=Instant::now(); for i in 0..n{ let e=|m:&str|LogEvent{timestamp:Timestamp(i),request_id:Some(r.request_id),stream:stream.clone(),message:m.to_owned()}; s.logs().append(&r.function,vec![e("START RequestId: 8476a536-e9f4-11e8-9739-2dfe598c3fcd Version: $LATEST"),e("END RequestId: 8476a536-e9f4-11e8-9739-2dfe598c3fcd"),e("REPORT RequestId: 8476a536-e9f4-11e8-9739-2dfe598c3fcd\tDuration: 1.50 ms\tBilled Duration: 2 ms\tMemory Size: 128 MB\tMax Memory Used: 40 MB")]); if i%200==0 {std::thread::sleep(std::time::Duration::from_millis(5));} } println!("log append {:?} each (naps incl.)", t.elapsed()/n as u32);
 let t=Instant::now(); let l=s.logs().read(&r.function,None,None,10000).await.unwrap(); println!("read {} {:?}",l.len(),t.elapsed());
 let t=Instant::now(); let mut h=vec![]; for c in 0..32{ let s=s.clone(); h.push(tokio::spawn(async move{ for i in 0..100{ s.functions().remove(&Scope{account:AccountId::new("000000000000").unwrap(),region:Region::new("us-east-1").unwrap()},&FunctionName::new(&format!("x{c}-{i}")).unwrap()).await.ok(); } })); } for x in h{x.await.unwrap();} println!("3200 writes by 32 callers {:?}",t.elapsed());
 let t=Instant::now(); s.packages().put(&r.scope,&r.function,uuid::Uuid::new_v4(),vec![7u8;50<<20].into()).await.unwrap(); println!("put 50 MiB {:?}",t.elapsed());
 s.close();
});}
